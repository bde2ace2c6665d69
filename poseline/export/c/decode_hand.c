/* One hand whose landmarks the model puts out: x and y in pixels of the input; a depth that may
 * follow is not used. */
#include "poseline_internal.h"

size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room)
{
    (void)room; /* at least 1 */
    for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
        const poseline_output_t *values = &output[k * (size_t)POSELINE_VALUES_PER_KEYPOINT];
        poseline_keypoint_t *point = &persons[0].keypoints[k];

        point->x = poseline_real(values[0]) / (float)POSELINE_INPUT_WIDTH;
        point->y = poseline_real(values[1]) / (float)POSELINE_INPUT_HEIGHT;
        point->confidence = 1.0f;
    }
    persons[0].score = 1.0f;
    return 1U;
}
