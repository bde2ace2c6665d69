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

static double logarithm(const poseline_output_t *heatmaps, int32_t row, int32_t column,
                        int32_t keypoint)
{
    const int32_t y = limited(row, POSELINE_HEATMAP_HEIGHT);
    const int32_t x = limited(column, POSELINE_HEATMAP_WIDTH);
    const int32_t cell = (y * POSELINE_HEATMAP_WIDTH) + x;
    const float value = poseline_real(heatmaps[(cell * POSELINE_KEYPOINTS) + keypoint]);

    return log((double)((value > (float)TINY) ? value : (float)TINY));
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

poseline_shift_t poseline_refined(const poseline_output_t *heatmaps, int32_t row, int32_t column,
                                  int32_t keypoint)
{
    const double middle = logarithm(heatmaps, row, column, keypoint);
    const double left = logarithm(heatmaps, row, column - 1, keypoint);
    const double right = logarithm(heatmaps, row, column + 1, keypoint);
    const double up = logarithm(heatmaps, row - 1, column, keypoint);
    const double down = logarithm(heatmaps, row + 1, column, keypoint);
    poseline_shift_t shift = {0.0, 0.0};

    shift.x = vertex(left, middle, right);
    shift.y = vertex(up, middle, down);
    return shift;
}
