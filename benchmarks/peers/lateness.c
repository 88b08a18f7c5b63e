/* lateness RATE SECONDS: how late clock_nanosleep wakes up at absolute deadlines. It sends nothing. */
#include "peer.h"

int main(int count, char **given)
{
    if (count != 3)
        return fprintf(stderr, "lateness RATE SECONDS\n"), 2;
    double rate = atof(given[1]);
    long total = (long)(rate * atof(given[2]));
    int64_t *late = calloc(total, sizeof *late);
    realtime();
    int64_t start = now_ns() + 20000000;
    for (long i = 0; i < total; i++) {
        int64_t due = start + (int64_t)(i * 1e9 / rate);
        sleep_until(due);
        late[i] = now_ns() - due;
    }
    print_times(late, total, total);
    return 0;
}
