/* The values of a heatmap are logits: their softmax over its cells makes likelihoods. */
#include <math.h>

#include "poseline_internal.h"

#define NOTHING (-40.0) /* exp() of less does not show in a float's sum */
#define REACH 2         /* cells around the best one whose likelihood is its confidence */

const double poseline_least_likelihood = 1e-10;

static double exponential(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    const double away =
        (double)poseline_cell(heatmap, row, column) - (double)heatmap->highest;

    return (away > NOTHING) ? exp(away) : 0.0;
}

void poseline_prepare(poseline_heatmap_t *heatmap)
{
    heatmap->sum = 0.0;
    for (int32_t row = 0; row < POSELINE_HEATMAP_HEIGHT; row++) {
        for (int32_t column = 0; column < POSELINE_HEATMAP_WIDTH; column++) {
            heatmap->sum += exponential(heatmap, row, column);
        }
    }
}

double poseline_likelihood(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    return exponential(heatmap, row, column) / heatmap->sum;
}

/* The likelihood of the 5 x 5 cells around the best one, as many as there are. */
float poseline_confidence(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    double mass = 0.0;

    for (int32_t y = row - REACH; y <= (row + REACH); y++) {
        for (int32_t x = column - REACH; x <= (column + REACH); x++) {
            if ((y >= 0) && (y < POSELINE_HEATMAP_HEIGHT) && (x >= 0) &&
                (x < POSELINE_HEATMAP_WIDTH)) {
                mass += poseline_likelihood(heatmap, y, x);
            }
        }
    }
    return (mass < 1.0) ? (float)mass : 1.0f;
}
