/* Two of the works as a small C kernel, one trajectory at a time, OpenMP over trajectories. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static inline uint64_t next(uint64_t *s) { /* splitmix64 */
    uint64_t z = (*s += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

static void shuffle(uint64_t *s, int m, int *order) {
    for (int i = 0; i < m; i++) order[i] = i;
    for (int i = m - 1; i > 0; i--) {
        int j = (int)(((next(s) >> 32) * (uint64_t)(i + 1)) >> 32), t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

void toy(long n, int m, const double *x, const double *y, const double *start, double eps, uint64_t seed,
         double *out) {
#pragma omp parallel
    {
        int *order = malloc(m * sizeof(int));
#pragma omp for
        for (long t = 0; t < n; t++) {
            uint64_t s = seed + (uint64_t)t * 0xD1342543DE82EF95ull;
            double a = start[0], b = start[1];
            shuffle(&s, m, order);
            for (int i = 0; i < m; i++) {
                int k = order[i];
                double pull = eps * (a * b * x[k] - y[k]) * x[k], old = a;
                a -= pull * b;
                b -= pull * old;
            }
            out[2 * t] = a;
            out[2 * t + 1] = b;
        }
        free(order);
    }
}

void logistic(long n, int m, int B, int d, const double *X, const double *y, const double *start, double eps,
              double l2, uint64_t seed, double *out) {
#pragma omp parallel
    {
        int *order = malloc(m * sizeof(int));
        double *g = malloc(d * sizeof(double));
#pragma omp for
        for (long t = 0; t < n; t++) {
            uint64_t s = seed + (uint64_t)t * 0xD1342543DE82EF95ull;
            double *w = out + t * d;
            for (int j = 0; j < d; j++) w[j] = start[j];
            shuffle(&s, m, order);
            for (int i = 0; i < m; i++) {
                const double *rows = X + (long)order[i] * B * d, *labels = y + order[i] * B;
                for (int j = 0; j < d; j++) g[j] = l2 * w[j];
                for (int b = 0; b < B; b++) {
                    const double *row = rows + b * d;
                    double z = 0;
                    for (int j = 0; j < d; j++) z += row[j] * w[j];
                    double slope = (1 / (1 + exp(-z)) - labels[b]) / B;
                    for (int j = 0; j < d; j++) g[j] += slope * row[j];
                }
                for (int j = 0; j < d; j++) w[j] -= eps * g[j];
            }
        }
        free(order);
        free(g);
    }
}
