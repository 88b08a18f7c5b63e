/* The frame of a pinger: one thread sends at absolute deadlines, another stamps what comes back. The transport is given. */
#ifndef PINGER_H
#define PINGER_H

#include "peer.h"
#include <pthread.h>

static void transport_open(const char *first, const char *second);
static int transport_send(const char *message, size_t size);
/* Waits for a message; returns its size, or -1 where none came for a second. */
static int transport_receive(char *buffer, size_t size);

static int64_t *sent, *received;
static long total;
static size_t message_size;
static volatile long arrived;

static void *receiver(void *unused)
{
    char buffer[65536];
    (void)unused;
    while (arrived < total) {
        int size = transport_receive(buffer, sizeof buffer);
        int64_t now = now_ns(), which;
        if (size < (int)sizeof which)
            break;
        memcpy(&which, buffer, sizeof which);
        if (which >= 0 && which < total && !received[which]) {
            received[which] = now;
            arrived++;
        }
    }
    return 0;
}

/* PINGER FIRST SECOND RATE SECONDS SIZE [SKIP]: prints the round trips, from sent to received; the first SKIP are left out. */
int main(int count, char **given)
{
    if (count < 6)
        return fprintf(stderr, "%s FIRST SECOND RATE SECONDS SIZE [SKIP]\n", given[0]), 2;
    double rate = atof(given[3]);
    total = (long)(rate * atof(given[4]));
    message_size = atol(given[5]);
    long skip = count > 6 ? atol(given[6]) : 0;
    sent = calloc(total, sizeof *sent);
    received = calloc(total, sizeof *received);
    char message[65536] = {0};
    realtime();
    transport_open(given[1], given[2]);
    pthread_t thread;
    pthread_create(&thread, 0, receiver, 0);
    int64_t start = now_ns() + 20000000;
    for (int64_t i = 0; i < total; i++) {
        sleep_until(start + (int64_t)(i * 1e9 / rate));
        memcpy(message, &i, sizeof i);
        sent[i] = now_ns();
        if (!transport_send(message, message_size))
            break;
    }
    behind = sent[total - 1] - (start + (int64_t)((total - 1) * 1e9 / rate));
    pthread_join(thread, 0);
    long known = 0;
    for (long i = skip; i < total; i++)
        if (received[i])
            sent[known++] = received[i] - sent[i];
    print_times(sent, known, total - skip);
    return 0;
}

#endif
