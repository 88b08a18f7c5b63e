/* ASPEED's AST1030 (Cortex-M4), as far as QEMU has it: two of its 16550 UARTs, the SysTick timer, the vectors.
 *
 * Of QEMU's Cortex-M boards it is the one whose serial port takes several bytes at a time: a port without a FIFO costs QEMU so
 * much for each byte that it carries some 40 kB/s. QEMU models neither pins nor clocks: another board, also a real AST1030,
 * has a board.c of its own.
 */
#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CLOCK 200000000u /* Hz, as it comes out of reset in QEMU */

#define DATA(port) REGISTER(uarts[port].base + 0x00)
#define ASKS(port) REGISTER(uarts[port].base + 0x04) /* for interrupts */
#define ON_RECEIVE 1u
#define ON_SEND 2u
#define FIFO(port) REGISTER(uarts[port].base + 0x08)
#define FIFO_ON_AT_14 0xc1u
#define WHY(port) REGISTER(uarts[port].base + 0x08)
#define LINE(port) REGISTER(uarts[port].base + 0x0c)
#define EIGHT_BITS 3u
#define DIVISOR 0x80u /* DATA and ASKS are the divisor of the clock for a while */
#define STATUS(port) REGISTER(uarts[port].base + 0x14)
#define RECEIVED 1u
#define SENT 0x20u
#define FIFO_BYTES 16u

static const struct {
    uint32_t base, irq;
} uarts[PORTS] = {[OPERATOR] = {0x7e784000u, 8}, [PLANT] = {0x7e783000u, 47}};

#define SYSTICK_CONTROL REGISTER(0xe000e010u)
#define SYSTICK_RELOAD REGISTER(0xe000e014u)
#define SYSTICK_VALUE REGISTER(0xe000e018u)
#define ENABLE_IRQ(irq) REGISTER(0xe000e100u + 4 * ((irq) / 32))
#define SYSTICK_PRIORITY (*(volatile uint8_t *)0xe000ed23u)

#define RING 1024u /* a power of two */

/* One writer and one reader, each with a counter of its own. */
struct ring {
    volatile uint32_t written, read;
    uint8_t bytes[RING];
};

static struct ring received[PORTS], to_send[PORTS];

static bool pop(struct ring *ring, uint8_t *byte)
{
    if (ring->read == ring->written)
        return false;
    *byte = ring->bytes[ring->read % RING];
    ring->read++;
    return true;
}

static void push(struct ring *ring, uint8_t byte)
{
    if (ring->written - ring->read == RING)
        return; /* the frame is lost, and its checksum will tell */
    ring->bytes[ring->written % RING] = byte;
    ring->written++;
}

/* Fill the FIFO while it is empty; the port asks for more by an interrupt. */
static void feed(enum port port)
{
    uint8_t byte;
    while (to_send[port].read != to_send[port].written && STATUS(port) & SENT)
        for (uint32_t room = FIFO_BYTES; room && pop(&to_send[port], &byte); room--)
            DATA(port) = byte;
    ASKS(port) = to_send[port].read == to_send[port].written ? ON_RECEIVE : ON_RECEIVE | ON_SEND;
}

static void serve(enum port port)
{
    (void)WHY(port); /* reading it takes a request to send back */
    while (STATUS(port) & RECEIVED)
        push(&received[port], (uint8_t)DATA(port));
    if (to_send[port].read != to_send[port].written)
        feed(port);
}

static void serve_operator(void) { serve(OPERATOR); }
static void serve_plant(void) { serve(PLANT); }

void board_start(uint32_t ticks_per_second)
{
    for (enum port port = OPERATOR; port < PORTS; port++) {
        LINE(port) = DIVISOR; /* as fast as it goes: QEMU waits four characters before it asks for less than 14 bytes */
        DATA(port) = 1;
        ASKS(port) = 0;
        LINE(port) = EIGHT_BITS;
        FIFO(port) = FIFO_ON_AT_14;
        ASKS(port) = ON_RECEIVE;
        ENABLE_IRQ(uarts[port].irq) = 1u << uarts[port].irq % 32;
    }
    SYSTICK_PRIORITY = 0xe0;
    SYSTICK_RELOAD = CLOCK / ticks_per_second - 1;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 7;
}

void board_wait(void)
{
    __asm volatile("cpsid i" ::: "memory"); /* what comes in after this look still wakes */
    if (received[OPERATOR].read == received[OPERATOR].written && received[PLANT].read == received[PLANT].written)
        __asm volatile("wfi");
    __asm volatile("cpsie i" ::: "memory");
}

bool board_receive(enum port port, uint8_t *byte) { return pop(&received[port], byte); }

bool board_send(enum port port, const uint8_t *bytes, size_t count)
{
    struct ring *ring = &to_send[port];
    if (count > RING - (ring->written - ring->read))
        return false;
    while (count--)
        push(ring, *bytes++);
    __asm volatile("cpsid i" ::: "memory"); /* the port's interrupt feeds it, too */
    feed(port);
    __asm volatile("cpsie i" ::: "memory");
    return true;
}

int main(void);
extern uint32_t stack_top, bss_start, bss_end;

/* What libc would bring; the compiler may call them for copies and loops of its own. */
void *memset(void *to, int value, size_t count)
{
    volatile uint8_t *at = to;
    while (count--)
        *at++ = (uint8_t)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
{
    volatile uint8_t *at = to;
    const uint8_t *source = from;
    while (count--)
        *at++ = *source++;
    return to;
}

static void reset(void)
{
    for (uint32_t *at = &bss_start; at < &bss_end;)
        *at++ = 0;
    main();
}

static void fault(void)
{
    for (;;) /* stay here: whoever listens hears nothing any more */
        __asm volatile("wfi");
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    &stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, tick,
    [16 + 8] = serve_operator, [16 + 47] = serve_plant,
};
