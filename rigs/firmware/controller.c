/* Three PI controllers at a fixed rate, between an operator and a plant, each on a serial line.
 *
 * The operator sends setpoints: va vb vc (V), fault, tag. The plant sends what it measures: ua ub uc (V).
 * Both get, at every step: ua ub uc (V, what the controllers put out), fault and tag as they came, and the number of the step.
 * The step is also the sequence number; the time is that of the setpoints.
 *
 * A plant that has never sent counts as 0 V: the loop is open. Setpoints, or measurements, that stay away for WATCHDOG steps
 * trip the controllers: their output and their state are 0 until both come again.
 */
#include "board.h"
#include "pi.h"
#include "wire.h"

#define STEPS_PER_SECOND 1000u
#define WATCHDOG 100u
#define PHASES 3u

enum { FAULT = PHASES, TAG, STEP, OUTPUTS };

/* The newest sample of a port. The main loop writes into the one that the tick does not look at. */
struct latest {
    struct sample samples[2];
    volatile uint32_t current;
    uint32_t sequence, age; /* of the last look of the tick */
};

static struct latest latest[PORTS];
static struct receiver receivers[PORTS];
static const uint16_t least[PORTS] = {[OPERATOR] = TAG + 1, [PLANT] = PHASES};
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
    struct latest *to = &latest[port];
    uint8_t byte;
    while (board_receive(port, &byte)) {
        uint32_t other = !to->current;
        if (wire_receive(&receivers[port], byte, &to->samples[other]) && usable(&to->samples[other], port))
            to->current = other;
    }
}

/* Return the newest sample, and count the steps for which it has been the same. */
static const struct sample *look(enum port port)
{
    struct latest *from = &latest[port];
    const struct sample *sample = &from->samples[from->current];
    if (sample->sequence != from->sequence)
        from->age = 0;
    else if (from->age < WATCHDOG)
        from->age++;
    from->sequence = sample->sequence;
    return sample;
}

void tick(void)
{
    const struct sample *setpoint = look(OPERATOR), *measured = look(PLANT);
    struct sample output = *setpoint;
    bool open = measured->count == 0;
    bool tripped = latest[OPERATOR].age >= WATCHDOG || (!open && latest[PLANT].age >= WATCHDOG);
    for (uint32_t i = 0; i < PHASES; i++) {
        if (tripped)
            controllers[i].integral = 0;
        output.values[i].real =
            tripped ? 0 : pi_step(&controllers[i], setpoint->values[i].real, open ? 0 : measured->values[i].real);
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
        latest[port].age = WATCHDOG;
    board_start(STEPS_PER_SECOND);
    for (;;) {
        listen(OPERATOR);
        listen(PLANT);
        board_wait();
    }
}
