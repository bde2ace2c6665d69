/* Vectors and start of a Cortex-M whose files are those of the machine that emulates it. */
#include <stdint.h>
#include <stdlib.h>

extern uint32_t __stack, __bss_start__, __bss_end__;
extern void initialise_monitor_handles(void);
extern int main(void);

void reset(void)
{
    volatile uint32_t *const coprocessors = (volatile uint32_t *)0xE000ED88u;

    *coprocessors |= 0xFu << 20; /* floating point */
    __asm volatile("dsb\n isb");
    for (uint32_t *word = &__bss_start__; word < &__bss_end__; word++) {
        *word = 0u;
    }
    initialise_monitor_handles();
    exit(main());
}

static void fault(void)
{
    for (;;) {
    }
}

/* exit() asks for what a compiler's own start files would have. */
void _init(void)
{
}

void _fini(void)
{
}

typedef void (*handler_t)(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler_t handlers[15];
} vectors = {&__stack,
             {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
              fault, fault, fault}};
