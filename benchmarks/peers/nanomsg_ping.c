/* The C library libnanomsg as it is best: no Nagle, large buffers, a publisher at FIRST and a subscriber that dials SECOND. */
#include "pinger.h"
#include <nanomsg/nn.h>
#include <nanomsg/pubsub.h>
#include <nanomsg/tcp.h>

static int publisher, subscriber;

static void transport_open(const char *first, const char *second)
{
    int on = 1, wait = 1000, room = 4 << 20;
    publisher = nn_socket(AF_SP, NN_PUB);
    subscriber = nn_socket(AF_SP, NN_SUB);
    nn_setsockopt(subscriber, NN_SUB, NN_SUB_SUBSCRIBE, "", 0);
    nn_setsockopt(publisher, NN_TCP, NN_TCP_NODELAY, &on, sizeof on);
    nn_setsockopt(subscriber, NN_TCP, NN_TCP_NODELAY, &on, sizeof on);
    nn_setsockopt(publisher, NN_SOL_SOCKET, NN_SNDBUF, &room, sizeof room);
    nn_setsockopt(subscriber, NN_SOL_SOCKET, NN_RCVBUF, &room, sizeof room);
    nn_setsockopt(subscriber, NN_SOL_SOCKET, NN_RCVTIMEO, &wait, sizeof wait);
    if (nn_bind(publisher, first) < 0 || nn_connect(subscriber, second) < 0)
        die("libnanomsg");
    usleep(500000); /* it does not say when it is connected */
}

static int transport_send(const char *message, size_t size)
{
    return nn_send(publisher, message, size, 0) >= 0;
}

static int transport_receive(char *buffer, size_t size)
{
    return nn_recv(subscriber, buffer, size, 0);
}
