/* echo FROM TO: an SP subscriber that dials FROM, and an SP publisher at TO that repeats what it hears, byte by byte.
   echo AT: the same for a single plain connection, without a handshake. Plain sockets: as fast as an echo gets. */
#include "peer.h"

int main(int count, char **given)
{
    char buffer[65536];
    if (count != 2 && count != 3)
        return fprintf(stderr, "echo FROM TO | echo AT\n"), 2;
    realtime();
    int from, to;
    if (count == 2) {
        from = to = accept_one(listen_on(given[1]));
    } else {
        int listener = listen_on(given[2]);
        from = dial(given[1]);
        shake_hands(from, SUB_HELLO, PUB_HELLO);
        to = accept_one(listener);
        shake_hands(to, PUB_HELLO, SUB_HELLO);
    }
    for (;;) {
        ssize_t got = read(from, buffer, sizeof buffer);
        if (got <= 0 || !write_all(to, buffer, got))
            return 0;
    }
}
