/* What the controller needs of its board: two serial ports behind ring buffers, and a tick. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum port { OPERATOR, PLANT, PORTS };

void board_start(uint32_t ticks_per_second);
/* Sleep until something happened. */
void board_wait(void);
/* Take a received byte; false where there is none. For the main loop. */
bool board_receive(enum port port, uint8_t *byte);
/* Queue all of the bytes, or none of them where there is no room. For the tick. */
bool board_send(enum port port, const uint8_t *bytes, size_t count);

/* Called by the board for each tick, in an interrupt that those of the serial ports may interrupt. */
void tick(void);

#endif
