/* Prints the result of the self-test; on a chip, call its functions from your own main. */
#include <stdio.h>

#include "selftest.h"

static int shown(const char *name, int wrong)
{
    (void)printf("%s: %s", name, (wrong == 0) ? "pass\n" : "FAIL, ");
    if (wrong != 0) {
        (void)printf("%d values are not as expected\n", wrong);
    }
    return (wrong == 0) ? 0 : 1;
}

int main(void)
{
    int failed = shown("pre- and post-processing", selftest_code());

#ifdef SELFTEST_WITH_MODEL
    failed += shown("with the model", selftest_model());
#endif
    return failed;
}
