/* nanomsg_echo FROM TO: libnanomsg repeats what it hears: a subscriber that dials FROM, a publisher at TO. */
#include "peer.h"
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/tcp.h>

int main(int count, char **given)
{
    char buffer[65536];
    int on = 1, size;
    if (count != 3)
        return fprintf(stderr, "nanomsg_echo FROM TO\n"), 2;
    int subscriber = nn_socket(AF_SP, NN_SUB), publisher = nn_socket(AF_SP, NN_PUB);
    nn_setsockopt(subscriber, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    nn_setsockopt(publisher, NN_TCP, NN_TCP_NODELAY, &on, sizeof on);
    if (nn_connect(subscriber, given[1]) < 0 || nn_bind(publisher, given[2]) < 0)
        die("libnanomsg");
    while ((size = nn_recv(subscriber, buffer, sizeof buffer, 0)) >= 0)
        if (nn_send(publisher, buffer, size, 0) < 0)
            return 1;
    return 0;
}
