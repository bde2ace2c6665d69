/* The values of a heatmap are likelihoods as they are. */
#include "poseline_internal.h"

const double poseline_least_likelihood = (double)1e-10f;

void poseline_prepare(poseline_heatmap_t *heatmap)
{
    (void)heatmap;
}

double poseline_likelihood(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    return (double)poseline_cell(heatmap, row, column);
}

/* The best cell's value. */
float poseline_confidence(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    return poseline_cell(heatmap, row, column);
}
