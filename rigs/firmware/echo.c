/* The smallest firmware that answers: each sample comes back with its first CHANNELS values changed by `control`.
 * A frame is COBS(villas.binary + CRC-32) and a zero byte. Sequence and time stamp come back as they were: by them the harness
 * knows which sample this answers. What is no such frame is not answered. */
#include <stdbool.h>
#include <stdint.h>

#define CHANNELS 3
static float control(float value) { return GAIN * value; } /* GAIN: see the Makefile */

/* The board: what is between here ... */
#define UART(offset) (*(volatile uint32_t *)(0x7e784000u + (offset))) /* a 16550 */
#define UART_IRQ 8
#define ENABLE_IRQ (*(volatile uint32_t *)0xe000e100u)

static void uart_start(void)
{
    UART(0x0c) = 0x80; /* the divisor: as fast as it goes */
    UART(0x00) = 1;
    UART(0x04) = 0;
    UART(0x0c) = 0x03; /* 8 data bits, no parity, 1 stop bit */
    UART(0x08) = 0xc1; /* FIFOs on, an interrupt at 14 bytes or after a pause */
    UART(0x04) = 0x01; /* interrupt on receive */
    ENABLE_IRQ = 1u << UART_IRQ;
}
static bool uart_received(void) { return UART(0x14) & 0x01; }
static uint8_t uart_read(void) { return (uint8_t)UART(0x00); }
static void uart_write(uint8_t byte)
{
    while (!(UART(0x14) & 0x20)) {} /* until there is room */
    UART(0x00) = byte;
}
/* ... and here is another board's, and so are its linker script and the vectors below. */

/* COBS begins at byte 3, so that the words of the message are aligned: header at word 1, values at 5, then the checksum. */
static union { uint8_t bytes[64]; uint32_t words[16]; } frame;
static uint32_t end; /* of the bytes received */

static uint32_t checksum(uint32_t word) /* CRC-32 of the message before that word */
{
    uint32_t crc = 0xffffffff;
    for (uint32_t at = 4; at < 4 * word; at++) {
        crc ^= frame.bytes[at];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return __builtin_bswap32(~crc);
}

static void answer(void)
{
    uint32_t at = 3, next, last = end / 4 - 1; /* the word of the checksum */
    for (; at < end; at = next) {              /* a code byte stands for a zero, and holds the distance to the next */
        next = at + frame.bytes[at];
        frame.bytes[at] = 0;
    }
    if (at != end || end % 4 != 0 || end < 4 * (5 + CHANNELS + 1) || frame.words[last] != checksum(last) ||
        (__builtin_bswap32(frame.words[1]) & 0xff00ffff) != (0x20000000 | (last - 5))) /* version and kind, count */
        return;
    for (int i = 5; i < 5 + CHANNELS; i++) {
        union { uint32_t bits; float real; } value = {__builtin_bswap32(frame.words[i])};
        value.real = control(value.real);
        frame.words[i] = __builtin_bswap32(value.bits);
    }
    frame.words[last] = checksum(last);
    frame.bytes[end] = 0;
    for (at = 3, next = 4; next <= end; next++)
        if (frame.bytes[next] == 0) {
            frame.bytes[at] = (uint8_t)(next - at);
            at = next;
        }
    for (at = 3; at <= end; at++)
        uart_write(frame.bytes[at]);
}

static void receive(void) /* the interrupt */
{
    while (uart_received()) {
        uint8_t byte = uart_read();
        if (byte != 0 && end < sizeof frame) {
            frame.bytes[end++] = byte;
        } else if (byte == 0) {
            if (end < sizeof frame)
                answer();
            end = 3; /* after what was no frame, too */
        }
    }
}

static void start(void)
{
    end = 3;
    uart_start();
    for (;;)
        __asm volatile("wfi");
}

extern uint32_t stack_top;
__attribute__((section(".vectors"), used)) static const void *const vectors[16 + UART_IRQ + 1] = {
    &stack_top, start, [16 + UART_IRQ] = receive};
