/* One person: the best cell of each keypoint's heatmap, refined between the cells. */
#include "poseline_internal.h"

float poseline_cell(const poseline_heatmap_t *heatmap, int32_t row, int32_t column)
{
    const int32_t cell = (row * POSELINE_HEATMAP_WIDTH) + column;

    return poseline_real(heatmap->values[(cell * POSELINE_KEYPOINTS) + heatmap->keypoint]);
}

static poseline_keypoint_t located(const poseline_output_t *heatmaps, int32_t keypoint)
{
    poseline_heatmap_t heatmap = {heatmaps, keypoint, 0.0f, 0.0};
    poseline_keypoint_t point = {0.0f, 0.0f, 0.0f};
    poseline_shift_t shift = {0.0, 0.0};
    int32_t best_row = 0;
    int32_t best_column = 0;

    heatmap.highest = poseline_cell(&heatmap, 0, 0);
    for (int32_t row = 0; row < POSELINE_HEATMAP_HEIGHT; row++) {
        for (int32_t column = 0; column < POSELINE_HEATMAP_WIDTH; column++) {
            const float value = poseline_cell(&heatmap, row, column);

            if (value > heatmap.highest) {
                heatmap.highest = value;
                best_row = row;
                best_column = column;
            }
        }
    }
    poseline_prepare(&heatmap);
    shift = poseline_refined(&heatmap, best_row, best_column);
    if ((best_column == 0) || (best_column == (POSELINE_HEATMAP_WIDTH - 1))) {
        shift.x = 0.0;
    }
    if ((best_row == 0) || (best_row == (POSELINE_HEATMAP_HEIGHT - 1))) {
        shift.y = 0.0;
    }
    point.x = (float)((((double)best_column + 0.5) + shift.x) / (double)POSELINE_HEATMAP_WIDTH);
    point.y = (float)((((double)best_row + 0.5) + shift.y) / (double)POSELINE_HEATMAP_HEIGHT);
    point.confidence = poseline_confidence(&heatmap, best_row, best_column);
    return point;
}

size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room)
{
    double sum = 0.0;

    (void)room; /* at least 1 */
    for (int32_t k = 0; k < POSELINE_KEYPOINTS; k++) {
        persons[0].keypoints[k] = located(output, k);
        sum += (double)persons[0].keypoints[k].confidence;
    }
    persons[0].score = (float)(sum / (double)POSELINE_KEYPOINTS);
    return 1U;
}
