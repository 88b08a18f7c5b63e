/* Three PI controllers at a fixed rate, between an operator and a plant, each on a serial line.
 *
 * The operator sends setpoints: va vb vc (V), fault, tag. They are a trajectory: each step goes on to the next one that waits.
 * The plant sends what it measures: ua ub uc (V). Of that the newest counts. Both get, at every step: ua ub uc (V, what the
 * controllers put out), fault and tag as they came, and the number of the step. The step is also the sequence number; the time
 * is that of the setpoints.
 *
 * A plant that has never sent counts as 0 V: the loop is open. Setpoints, or measurements, that stay away for WATCHDOG steps
 * trip the controllers: their output and their state are 0 until both come again.
 */
#include "board.h"
#include "pi.h"
#include "wire.h"

#define STEPS_PER_SECOND 1000u
#define WATCHDOG 100u
#define WAITING 32u /* samples, a power of two */
#define PHASES 3u

enum { FAULT = PHASES, TAG, STEP, OUTPUTS };

/* What a port has received: the main loop writes, the tick reads. */
struct inbox {
    struct sample samples[WAITING];
    volatile uint32_t written, read;
    uint32_t age; /* steps since the last sample was taken */
};

static struct inbox inboxes[PORTS];
static struct receiver receivers[PORTS];
static const uint16_t least[PORTS] = {[OPERATOR] = TAG + 1, [PLANT] = PHASES};
static struct sample setpoint, measured;
static struct pi controllers[PHASES];
static uint32_t step;

static bool finite(union value value) { return (value.bits & 0x7f800000u) != 0x7f800000u; }

/* A value that is no number would stay in the integrals for ever. */
static bool usable(const struct sample *sample, enum port port)
{
    for (uint32_t i = 0; i < PHASES; i++)
        if (!finite(sample->values[i]))
            return false;
    return sample->count >= least[port];
}

static void listen(enum port port)
{
    struct inbox *to = &inboxes[port];
    uint8_t byte;
    while (board_receive(port, &byte)) {
        struct sample *next = &to->samples[to->written % WAITING];
        bool full = to->written - to->read == WAITING - 1; /* the one that is written to is not read yet */
        if (wire_receive(&receivers[port], byte, next) && usable(next, port) && !full)
            to->written++;
    }
}

/* Take the next sample that waits, or the newest. */
static void take(enum port port, struct sample *sample, bool newest)
{
    struct inbox *from = &inboxes[port];
    if (newest && from->written != from->read)
        from->read = from->written - 1;
    if (from->written != from->read) {
        *sample = from->samples[from->read % WAITING];
        from->read++;
        from->age = 0;
    } else if (from->age < WATCHDOG) {
        from->age++;
    }
}

void tick(void)
{
    take(OPERATOR, &setpoint, false);
    take(PLANT, &measured, true);
    struct sample output = setpoint;
    bool open = measured.count == 0;
    bool tripped = inboxes[OPERATOR].age >= WATCHDOG || (!open && inboxes[PLANT].age >= WATCHDOG);
    for (uint32_t i = 0; i < PHASES; i++) {
        if (tripped)
            controllers[i].integral = 0;
        output.values[i].real =
            tripped ? 0 : pi_step(&controllers[i], setpoint.values[i].real, open ? 0 : measured.values[i].real);
    }
    output.count = OUTPUTS;
    output.sequence = ++step;
    output.values[STEP].bits = step;
    uint8_t frame[WIRE_FRAME];
    size_t length = wire_encode(&output, frame);
    for (enum port port = OPERATOR; port < PORTS; port++)
        board_send(port, frame, length);
}

int main(void)
{
    for (enum port port = OPERATOR; port < PORTS; port++)
        inboxes[port].age = WATCHDOG;
    board_start(STEPS_PER_SECOND);
    for (;;) {
        listen(OPERATOR);
        listen(PLANT);
        board_wait();
    }
}
