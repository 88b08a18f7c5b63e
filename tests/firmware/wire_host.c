/* Feed standard input to the parser of the firmware; write each sample that it accepts to standard output, as a frame. */
#include "wire.h"

#include <stdio.h>

int main(void)
{
    static struct receiver receiver;
    struct sample sample;
    uint8_t frame[WIRE_FRAME];
    int byte;
    while ((byte = getchar()) != EOF)
        if (wire_receive(&receiver, (uint8_t)byte, &sample))
            fwrite(frame, 1, wire_encode(&sample, frame), stdout);
    fprintf(stderr, "%u %u\n", receiver.accepted, receiver.rejected);
    return 0;
}
