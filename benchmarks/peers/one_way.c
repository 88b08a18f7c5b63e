/* one_way ADDRESS RATE SECONDS SIZE kernel|user [SKIP]: the time from sending to arrival over a plain connection to itself, by one
   thread that is awake when it sends: what a stamp of the kernel, or one taken after reading, cannot be earlier than. */
#include "peer.h"

#define AWAKE 100000 /* ns before a message is due */

/* Reads a message that is there, and returns when it arrived: told by the kernel, or by a look at the clock after reading. */
static int64_t arrival(int sock, char *buffer, size_t size, int kernel)
{
    char control[256];
    struct iovec place = {buffer, size};
    struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    while ((got = recvmsg(sock, &message, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
    }
    if (got != (ssize_t)size)
        die("recvmsg");
    int64_t now = now_ns();
    if (!kernel)
        return now;
    struct timespec epoch, stamp;
    clock_gettime(CLOCK_REALTIME, &epoch);
    struct cmsghdr *told = CMSG_FIRSTHDR(&message);
    if (!told || told->cmsg_type != SCM_TIMESTAMPNS)
        return fprintf(stderr, "no stamp of the kernel\n"), exit(1), 0;
    memcpy(&stamp, CMSG_DATA(told), sizeof stamp);
    return now - ((epoch.tv_sec - stamp.tv_sec) * 1000000000LL + epoch.tv_nsec - stamp.tv_nsec);
}

int main(int count, char **given)
{
    if (count < 6)
        return fprintf(stderr, "%s ADDRESS RATE SECONDS SIZE kernel|user [SKIP]\n", given[0]), 2;
    double rate = atof(given[2]);
    long total = (long)(rate * atof(given[3])), skip = count > 6 ? atol(given[6]) : 0;
    size_t size = atol(given[4]);
    int kernel = strcmp(given[5], "kernel") == 0, on = kernel, listener = listen_on(given[1]);
    int out = dial(given[1]), in = accept_one(listener);
    (void)setsockopt(in, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    int64_t *times = calloc(total, sizeof *times);
    char message[65536] = {0};
    realtime();
    int64_t start = now_ns() + 20000000;
    for (long i = 0; i < total; i++) {
        int64_t due = start + (int64_t)(i * 1e9 / rate), sent;
        sleep_until(due - AWAKE);
        while ((sent = now_ns()) < due) {
        }
        if (!write_all(out, message, size))
            die("write");
        times[i] = arrival(in, message, size, kernel) - sent;
    }
    print_times(times + skip, total - skip, total - skip);
    return 0;
}
