/* The top of the parabola through the logarithms of the best cell and its two neighbours, along
 * each axis; exact for a Gaussian. */
#include <math.h>

#include "poseline_internal.h"

#define TINY 1e-10

static int32_t limited(int32_t position, int32_t side)
{
    int32_t result = position;

    if (position < 0) {
        result = 0;
    } else if (position >= side) {
        result = side - 1;
    } else {
        result = position;
    }
    return result;
}

static double logarithm(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    const double found = poseline_likelihood(heatmap, limited(row, POSELINE_HEATMAP_HEIGHT),
                                             limited(column, POSELINE_HEATMAP_WIDTH));

    return log((found > poseline_least_likelihood) ? found : poseline_least_likelihood);
}

static double vertex(double before, double middle, double after)
{
    const double curvature = (before - (2.0 * middle)) + after;
    double shift = 0.0;

    if (fabs(curvature) > TINY) {
        shift = (before - after) / (2.0 * curvature);
    }
    if (shift > 0.5) {
        shift = 0.5;
    }
    if (shift < -0.5) {
        shift = -0.5;
    }
    return shift;
}

poseline_shift_t poseline_refined(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    const double middle = logarithm(heatmap, row, column);
    const double left = logarithm(heatmap, row, column - 1);
    const double right = logarithm(heatmap, row, column + 1);
    const double up = logarithm(heatmap, row - 1, column);
    const double down = logarithm(heatmap, row + 1, column);
    poseline_shift_t shift = {0.0, 0.0};

    shift.x = vertex(left, middle, right);
    shift.y = vertex(up, middle, down);
    return shift;
}
