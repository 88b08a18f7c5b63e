/* The limit: one plain connection to the echo at FIRST and nothing of a protocol; SECOND is not used. */
#include "pinger.h"

static int sock;

static void transport_open(const char *first, const char *second)
{
    struct timeval wait = {1, 0};
    (void)second;
    sock = dial(first);
    (void)setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

static int transport_send(const char *message, size_t size)
{
    return write_all(sock, message, size);
}

static int transport_receive(char *buffer, size_t size)
{
    (void)size;
    return read_all(sock, buffer, message_size) ? (int)message_size : -1;
}
