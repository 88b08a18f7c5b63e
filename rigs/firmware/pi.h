/* A PI controller in float32, one step at a time. controller.py is the same in NumPy, bit by bit. */
#ifndef PI_H
#define PI_H

#define PI_PROPORTIONAL 0.2f
#define PI_INTEGRAL 0.03f    /* for each step: 30 a second at 1 kHz */
#define PI_LIMIT 500.0f    /* of the output and, against wind-up, of the integral */

struct pi {
    float integral;
};

static inline float pi_limited(float value)
{
    return value > PI_LIMIT ? PI_LIMIT : value < -PI_LIMIT ? -PI_LIMIT : value;
}

static inline float pi_step(struct pi *pi, float setpoint, float measured)
{
    float error = setpoint - measured;
    pi->integral = pi_limited(pi->integral + PI_INTEGRAL * error);
    return pi_limited(PI_PROPORTIONAL * error + pi->integral);
}

#endif
