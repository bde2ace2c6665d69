/* The centre of the best cell, and nothing finer. */
#include "poseline_internal.h"

poseline_shift_t poseline_refined(const poseline_output_t *heatmaps, int32_t row, int32_t column,
                                  int32_t keypoint)
{
    const poseline_shift_t shift = {0.0, 0.0};

    (void)heatmaps;
    (void)row;
    (void)column;
    (void)keypoint;
    return shift;
}
