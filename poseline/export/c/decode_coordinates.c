/* One person or hand whose coordinates the model puts out. They are shares of the input, or its
 * pixels: what is larger than two inputs is in pixels. */
#include <math.h>

#include "poseline_internal.h"

#define MOST_SHARE 2.0f

static float entry(const poseline_output_t *output, size_t keypoint, size_t place)
{
    return poseline_real(output[(keypoint * (size_t)POSELINE_VALUES_PER_KEYPOINT) + place]);
}

static int in_pixels(const poseline_output_t *output)
{
    int pixels = 0;

    for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
        if ((fabsf(entry(output, k, POSELINE_X_PLACE)) > MOST_SHARE) ||
            (fabsf(entry(output, k, POSELINE_Y_PLACE)) > MOST_SHARE)) {
            pixels = 1;
        }
    }
    return pixels;
}

size_t poseline_decode(const poseline_output_t *output, poseline_person_t *persons, size_t room)
{
    const int pixels = in_pixels(output);
    const float size_x = (pixels != 0) ? (float)POSELINE_INPUT_WIDTH : 1.0f;
    const float size_y = (pixels != 0) ? (float)POSELINE_INPUT_HEIGHT : 1.0f;
    double sum = 0.0;

    (void)room; /* at least 1 */
    for (size_t k = 0U; k < (size_t)POSELINE_KEYPOINTS; k++) {
        poseline_keypoint_t *point = &persons[0].keypoints[k];

        point->x = entry(output, k, POSELINE_X_PLACE) / size_x;
        point->y = entry(output, k, POSELINE_Y_PLACE) / size_y;
#ifdef POSELINE_CONFIDENCE_PLACE
        point->confidence = entry(output, k, POSELINE_CONFIDENCE_PLACE);
#else
        point->confidence = 1.0f;
#endif
        sum += (double)point->confidence;
    }
    persons[0].score = (float)(sum / (double)POSELINE_KEYPOINTS);
    return 1U;
}
