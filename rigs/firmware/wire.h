/* One VILLASnode sample on a serial line: COBS(villas.binary + CRC-32, big-endian) and a zero byte.
 *
 * Plain C without any hardware: the tests compile it for the host, too.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_VALUES 8                            /* the most values that a sample may have */
#define WIRE_MESSAGE (16 + 4 * WIRE_VALUES + 4)  /* header, values, checksum */
#define WIRE_FRAME (WIRE_MESSAGE + 2)            /* a code byte of COBS, as it is shorter than 254, and the zero */

/* A value is a float32 or an int32: the wire does not say which, sender and receiver agree. */
union value {
    float real;
    int32_t integer;
    uint32_t bits;
};

struct sample {
    uint16_t count;
    uint32_t sequence, seconds, nanoseconds;
    union value values[WIRE_VALUES];
};

struct receiver {
    uint8_t frame[WIRE_FRAME];
    size_t length;     /* bytes since the last zero, also those beyond the buffer */
    uint32_t accepted; /* frames that were a sample */
    uint32_t rejected; /* frames that were not */
};

/* Take the next byte of the line; true when it completes a sound sample, which is then in `sample`. */
bool wire_receive(struct receiver *receiver, uint8_t byte, struct sample *sample);

/* Put a sample into a frame; returns its bytes. At most WIRE_VALUES values. */
size_t wire_encode(const struct sample *sample, uint8_t frame[WIRE_FRAME]);

#endif
