/* One person: the best cell of each keypoint's heatmap, refined between the cells. */
#include "poseline_internal.h"

static poseline_keypoint_t located(const poseline_output_t *heatmaps, int32_t keypoint)
{
    const int32_t cells = POSELINE_HEATMAP_HEIGHT * POSELINE_HEATMAP_WIDTH;
    int32_t best = 0;
    float highest = poseline_real(heatmaps[keypoint]);
    poseline_keypoint_t point = {0.0f, 0.0f, 0.0f};
    poseline_shift_t shift = {0.0, 0.0};

    for (int32_t cell = 1; cell < cells; cell++) {
        const float value = poseline_real(heatmaps[(cell * POSELINE_KEYPOINTS) + keypoint]);

        if (value > highest) {
            highest = value;
            best = cell;
        }
    }
    const int32_t row = best / POSELINE_HEATMAP_WIDTH;
    const int32_t column = best % POSELINE_HEATMAP_WIDTH;

    shift = poseline_refined(heatmaps, row, column, keypoint);
    if ((column == 0) || (column == (POSELINE_HEATMAP_WIDTH - 1))) {
        shift.x = 0.0;
    }
    if ((row == 0) || (row == (POSELINE_HEATMAP_HEIGHT - 1))) {
        shift.y = 0.0;
    }
    point.x = (float)((((double)column + 0.5) + shift.x) / (double)POSELINE_HEATMAP_WIDTH);
    point.y = (float)((((double)row + 0.5) + shift.y) / (double)POSELINE_HEATMAP_HEIGHT);
    point.confidence = highest;
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
