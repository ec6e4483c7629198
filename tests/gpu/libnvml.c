/* NVML of one card, with the layouts of nvml.h, so that the real bindings are what talks to it. */
#include <string.h>

struct memory { unsigned long long total, free, used; };
struct memory_v2 { unsigned int version; unsigned long long total, reserved, free, used; };
struct process { unsigned int pid; unsigned long long used; unsigned int gpu_instance, compute_instance; };

int nvmlInitWithFlags(unsigned int flags) { return flags ? 2 : 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 1; return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned int size) { strncpy(text, "570.86.10", size); return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void **device) {
    static int card;
    *device = &card;
    return index ? 2 : 0;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (strcmp(uuid, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f")) return 6;
    return nvmlDeviceGetHandleByIndex_v2(0, device);
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned int size) {
    strncpy(text, "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f", size);
    return 0;
}

int nvmlDeviceGetName(void *device, char *text, unsigned int size) {
    strncpy(text, "NVIDIA GeForce RTX 4060", size);
    return 0;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, struct memory_v2 *memory) {
    if (memory->version != 0x02000028) return 25;
    memory->total = 8188ULL << 20;
    memory->reserved = 300ULL << 20;
    memory->free = 7000ULL << 20;
    memory->used = 888ULL << 20;
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) { *major = 8; *minor = 9; return 0; }
int nvmlDeviceGetNumGpuCores(void *device, unsigned int *cores) { *cores = 3072; return 0; }
int nvmlDeviceGetDisplayMode(void *device, int *on) { *on = 1; return 0; }
int nvmlDeviceGetDisplayActive(void *device, int *on) { *on = 0; return 0; }
int nvmlDeviceGetMigMode(void *device, unsigned int *now, unsigned int *pending) { return 3; }

/* The list and, as every process is in it, one whose figure is not available. */
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned int *count, struct process *list) {
    if (!list) { *count = 2; return 7; }
    list[0] = (struct process){4000001, 500ULL << 20, 0, 0};
    list[1] = (struct process){4000002, ~0ULL, 0, 0};
    *count = 2;
    return 0;
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned int *count, struct process *list) { return 4; }

int nvmlSystemGetProcessName(unsigned int pid, char *text, unsigned int size) {
    strncpy(text, pid == 4000001 ? "/usr/bin/ollama" : "Xorg", size);
    return 0;
}
