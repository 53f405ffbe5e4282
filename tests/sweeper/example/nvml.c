/* As much of NVIDIA's library as counts GPUs: three, of which the middle one is denied. */
#include <stddef.h>

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **handle)
{
    *handle = NULL;
    return index == 1 ? 4 : 0;
}
