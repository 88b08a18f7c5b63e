#include "wire.h"

#define KIND 0x20 /* villas.binary: version 2, data */

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint8_t *put32(uint8_t *at, uint32_t word)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(word >> shift);
    return at;
}

/* CRC-32/ISO-HDLC, that of zlib and Ethernet, four bits at a time. */
static uint32_t crc32(const uint8_t *bytes, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = 0xffffffff;
    while (count--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Undo COBS in place, which leaves the message behind the first byte; false where it is none. */
static bool unstuff(uint8_t *bytes, size_t length)
{
    size_t at = 0;
    while (at < length) { /* each code byte stands for a zero, and holds the distance to the next: never 0 itself */
        size_t next = at + bytes[at];
        bytes[at] = 0;
        at = next;
    }
    return at == length;
}

static bool parse(const uint8_t *message, size_t length, struct sample *sample)
{
    if (length < 20 || message[0] != KIND)
        return false;
    size_t count = (size_t)message[2] << 8 | message[3];
    if (count > WIRE_VALUES || length != 16 + 4 * count + 4 || crc32(message, length - 4) != get32(message + length - 4))
        return false;
    sample->count = (uint16_t)count;
    sample->sequence = get32(message + 4);
    sample->seconds = get32(message + 8);
    sample->nanoseconds = get32(message + 12);
    for (size_t i = 0; i < count; i++)
        sample->values[i].bits = get32(message + 16 + 4 * i);
    return true;
}

bool wire_receive(struct receiver *receiver, uint8_t byte, struct sample *sample)
{
    if (byte != 0) {
        if (receiver->length < sizeof receiver->frame)
            receiver->frame[receiver->length++] = byte;
        return false;
    }
    size_t length = receiver->length;
    receiver->length = 0;
    if (length == 0) /* a zero may also open a frame */
        return false;
    /* a frame that fills the buffer has no room for its zero: it was longer than any sample */
    bool sound = length < sizeof receiver->frame && unstuff(receiver->frame, length) &&
                 parse(receiver->frame + 1, length - 1, sample);
    if (sound)
        receiver->accepted++;
    else
        receiver->rejected++;
    return sound;
}

size_t wire_encode(const struct sample *sample, uint8_t frame[WIRE_FRAME])
{
    uint8_t *at = frame + 1;
    *at++ = KIND;
    *at++ = 0; /* source_index */
    *at++ = (uint8_t)(sample->count >> 8);
    *at++ = (uint8_t)sample->count;
    at = put32(at, sample->sequence);
    at = put32(at, sample->seconds);
    at = put32(at, sample->nanoseconds);
    for (size_t i = 0; i < sample->count; i++)
        at = put32(at, sample->values[i].bits);
    at = put32(at, crc32(frame + 1, (size_t)(at - frame) - 1));
    *at = 0;
    /* COBS: each zero, the first byte being one, holds the distance to the next */
    uint8_t *zero = frame;
    for (uint8_t *next = frame + 1; next <= at; next++)
        if (*next == 0) {
            *zero = (uint8_t)(next - zero);
            zero = next;
        }
    return (size_t)(at - frame) + 1;
}
