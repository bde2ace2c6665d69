/* The centre of the best cell, and nothing finer. */
#include "poseline_internal.h"

poseline_shift_t poseline_refined(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    const poseline_shift_t shift = {0.0, 0.0};

    (void)heatmap;
    (void)row;
    (void)column;
    return shift;
}
