/* How long the C library takes to write numbers: format SPEC COUNT, for example format %.17g 800000. Prints seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    long count = atol(argv[2]);
    double *values = malloc(sizeof(double) * count);
    srand48(1);
    for (long i = 0; i < count; i++) values[i] = 4 * drand48() - 2;
    char text[64];
    long written = 0;
    clock_t began = clock();
    for (long i = 0; i < count; i++) written += snprintf(text, sizeof text, argv[1], values[i]);
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    printf("{\"seconds\": %.9f, \"bytes\": %ld}\n", seconds, written);
    free(values);
    return 0;
}
