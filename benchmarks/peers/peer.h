/* What the peers have in common: the clock, real-time scheduling, plain sockets that speak SP, and how results are printed. */
#ifndef PEER_H
#define PEER_H

#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char PUB_HELLO[8] = {0, 'S', 'P', 0, 0, 0x20, 0, 0};
static const char SUB_HELLO[8] = {0, 'S', 'P', 0, 0, 0x21, 0, 0};

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static inline void sleep_until(int64_t due)
{
    struct timespec t = {due / 1000000000LL, due % 1000000000LL};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0) == EINTR) {
    }
}

/* The scheduling that the replay process asks for, where it is allowed. To be called before threads are made: they inherit it. */
static inline void realtime(void)
{
    struct sched_param parameters = {.sched_priority = 50};
    (void)sched_setscheduler(0, SCHED_FIFO, &parameters);
    (void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

static inline socklen_t address_of(const char *text, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (strncmp(text, "ipc://", 6) == 0) {
        struct sockaddr_un *file = (struct sockaddr_un *)address;
        file->sun_family = AF_UNIX;
        strncpy(file->sun_path, text + 6, sizeof file->sun_path - 1);
        return sizeof *file;
    }
    struct sockaddr_in *place = (struct sockaddr_in *)address;
    char host[64] = "";
    int port = 0;
    if (sscanf(text, "tcp://%63[^:]:%d", host, &port) != 2) {
        fprintf(stderr, "%s is neither tcp://HOST:PORT nor ipc://FILE\n", text);
        exit(2);
    }
    place->sin_family = AF_INET;
    place->sin_port = htons(port);
    inet_pton(AF_INET, host, &place->sin_addr);
    return sizeof *place;
}

static inline void send_at_once(int sock)
{
    int on = 1;
    (void)setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* there is none on ipc, and no need of one */
}

static inline int dial(const char *text)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(text, &address);
    for (int attempt = 0; attempt < 500; attempt++) {
        int sock = socket(address.ss_family, SOCK_STREAM, 0);
        if (connect(sock, (struct sockaddr *)&address, length) == 0) {
            send_at_once(sock);
            return sock;
        }
        close(sock);
        usleep(10000);
    }
    die(text);
    return -1;
}

static inline int listen_on(const char *text)
{
    struct sockaddr_storage address;
    socklen_t length = address_of(text, &address);
    int sock = socket(address.ss_family, SOCK_STREAM, 0), on = 1;
    (void)setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(sock, (struct sockaddr *)&address, length) < 0 || listen(sock, 4) < 0)
        die(text);
    return sock;
}

static inline int accept_one(int listener)
{
    int sock = accept(listener, 0, 0);
    if (sock < 0)
        die("accept");
    send_at_once(sock);
    return sock;
}

/* Returns 0 at the end of the stream. */
static inline int read_all(int sock, void *to, size_t count)
{
    for (char *at = to; count;) {
        ssize_t got = read(sock, at, count);
        if (got <= 0)
            return 0;
        at += got;
        count -= got;
    }
    return 1;
}

static inline int write_all(int sock, const void *from, size_t count)
{
    for (const char *at = from; count;) {
        ssize_t put = write(sock, at, count);
        if (put < 0)
            return 0;
        at += put;
        count -= put;
    }
    return 1;
}

static inline void shake_hands(int sock, const char *ours, const char *theirs)
{
    char heard[8];
    if (!write_all(sock, ours, 8) || !read_all(sock, heard, 8) || memcmp(heard, theirs, 8) != 0) {
        fprintf(stderr, "no SP handshake\n");
        exit(1);
    }
}

static int ascending(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Prints one line of JSON: how many there were, how many of them have a time, and quantiles of these in ns. */
static long long behind; /* how late the last message was sent, ns: much, where a rate was not kept */

static inline void print_times(int64_t *times, long known, long count)
{
    qsort(times, known, sizeof *times, ascending);
    printf("{\"count\": %ld, \"lost\": %ld, \"behind\": %lld", count, count - known, behind);
    if (known) {
        const double q[] = {0.5, 0.9, 0.99, 0.999, 1.0};
        const char *names[] = {"p50", "p90", "p99", "p999", "max"};
        for (int i = 0; i < 5; i++) {
            long place = (long)ceil(q[i] * known) - 1;
            printf(", \"%s\": %lld", names[i], (long long)times[place < 0 ? 0 : place]);
        }
    }
    printf("}\n");
}

#endif
