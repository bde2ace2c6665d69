/* One person whose coordinates the model puts out: y, x and, where there is a third value, the
 * confidence of each keypoint, as shares of the input. */
#include "poseline_internal.h"

size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room)
{
    double sum = 0.0;

    (void)room; /* at least 1 */
    for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
        const poseline_output_t *values = &output[k * (size_t)POSELINE_VALUES_PER_KEYPOINT];
        poseline_keypoint_t *point = &persons[0].keypoints[k];

        point->y = poseline_real(values[0]);
        point->x = poseline_real(values[1]);
#if POSELINE_VALUES_PER_KEYPOINT > 2
        point->confidence = poseline_real(values[2]);
#else
        point->confidence = 1.0f;
#endif
        sum += (double)point->confidence;
    }
    persons[0].score = (float)(sum / (double)POSELINE_KEYPOINTS);
    return 1U;
}
