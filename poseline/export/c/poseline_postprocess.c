#include "poseline_internal.h"

poseline_status_t poseline_postprocess(const poseline_output_t *output, size_t size,
                                       poseline_person_t *persons, size_t room, size_t *found)
{
    poseline_status_t status = POSELINE_OK;

    if (found != NULL) {
        *found = 0U;
    }
    if ((output == NULL) || (persons == NULL) || (found == NULL)) {
        status = POSELINE_NULL_POINTER;
    } else if ((size != (size_t)POSELINE_OUTPUT_SIZE) || (room < 1U)) {
        status = POSELINE_WRONG_SIZE;
    } else {
        const size_t most = (size_t)POSELINE_MAX_PERSONS;

        *found = poseline_decode(output, persons, (room < most) ? room : most);
    }
    return status;
}
