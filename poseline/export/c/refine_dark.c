/* The Taylor expansion of the smoothed log-heatmap at the best cell, with the mixed derivative
 * (Zhang et al. 2020, arXiv:1910.06278). Only the cells around the best one are smoothed. */
#include <math.h>

#include "poseline_internal.h"

#define TINY 1e-10
#define REACH 4 /* cells that the Gaussian of one cell reaches */
#define TAPS 9

/* exp(-d^2 / 2) for d = 0..4, divided by the sum of all taps. */
static const float weights[REACH + 1] = {0.398943469f, 0.241971446f, 0.0539911274f, 0.00443186162f,
                                         0.000133830625f};

/* Cells outside of the heatmap count as zero. */
static float cell_value(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    float value = 0.0f;

    if ((row >= 0) && (row < POSELINE_HEATMAP_HEIGHT) && (column >= 0) &&
        (column < POSELINE_HEATMAP_WIDTH)) {
        value = (float)poseline_likelihood(heatmap, row, column);
    }
    return value;
}

static float smoothed_row(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    float sum = 0.0f;

    for (int32_t tap = -REACH; tap <= REACH; tap++) {
        const int32_t distance = (tap < 0) ? -tap : tap;

        sum += weights[distance] * cell_value(heatmap, row, column + tap);
    }
    return sum;
}

/* The logarithms of the smoothed 3 x 3 cells around one, clipped at the border. */
static void patch(const poseline_heatmap_t *heatmap, int32_t row, int32_t column,
                  double found[3][3])
{
    for (int32_t dx = 0; dx < 3; dx++) {
        float rows[TAPS + 2];
        int32_t x = (column + dx) - 1;

        x = (x < 0) ? 0 : x;
        x = (x >= POSELINE_HEATMAP_WIDTH) ? (POSELINE_HEATMAP_WIDTH - 1) : x;
        for (int32_t i = 0; i < (TAPS + 2); i++) {
            rows[i] = smoothed_row(heatmap, ((row + i) - REACH) - 1, x);
        }
        for (int32_t dy = 0; dy < 3; dy++) {
            int32_t y = (row + dy) - 1;
            float sum = 0.0f;

            y = (y < 0) ? 0 : y;
            y = (y >= POSELINE_HEATMAP_HEIGHT) ? (POSELINE_HEATMAP_HEIGHT - 1) : y;
            /* rows[0] is REACH + 1 above the best row */
            const int32_t centre = (y - row) + REACH + 1;

            sum = weights[0] * rows[centre];
            for (int32_t tap = 1; tap <= REACH; tap++) {
                sum += weights[tap] * (rows[centre + tap] + rows[centre - tap]);
            }
            found[dy][dx] = log((double)((sum > (float)TINY) ? sum : (float)TINY));
        }
    }
}

static double clipped(double value)
{
    double result = value;

    if (value > 1.0) {
        result = 1.0;
    } else if (value < -1.0) {
        result = -1.0;
    } else {
        result = value;
    }
    return result;
}

poseline_shift_t poseline_refined(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    double p[3][3] = {{0.0}};
    poseline_shift_t shift = {0.0, 0.0};

    patch(heatmap, row, column, p);
    const double gx = (p[1][2] - p[1][0]) / 2.0;
    const double gy = (p[2][1] - p[0][1]) / 2.0;
    const double xx = (p[1][2] - (2.0 * p[1][1])) + p[1][0];
    const double yy = (p[2][1] - (2.0 * p[1][1])) + p[0][1];
    const double xy = (((p[2][2] - p[2][0]) - p[0][2]) + p[0][0]) / 4.0;
    const double determinant = (xx * yy) - (xy * xy);

    if ((determinant > TINY) && (xx < 0.0)) {
        shift.x = clipped(((xy * gy) - (yy * gx)) / determinant);
        shift.y = clipped(((xy * gx) - (xx * gy)) / determinant);
    }
    return shift;
}
