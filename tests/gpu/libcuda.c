/* A CUDA driver library of two cards, for a machine without one. FAKE_CUDA says how it behaves. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *mood(void) {
    const char *said = getenv("FAKE_CUDA");
    return said ? said : "";
}

/* Without PCI_BUS_ID the second card is "the fastest" and comes first, as CUDA's default order may have it. */
static int card(int device) {
    const char *order = getenv("CUDA_DEVICE_ORDER");
    return order && !strcmp(order, "PCI_BUS_ID") ? device : 1 - device;
}

int cuInit(unsigned int flags) {
    if (flags) return 1;
    if (!strcmp(mood(), "abort")) abort();
    if (!strcmp(mood(), "hang")) for (;;) sleep(60);
    if (!strcmp(mood(), "exit")) _exit(3);
    if (!strcmp(mood(), "mismatch")) return 803;
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    return visible && !*visible ? 100 : 0;
}

int cuDeviceGetCount(int *count) {
    *count = !strcmp(mood(), "none") ? 0 : 2;
    return 0;
}

int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal < 0 || ordinal > 1 ? 101 : 0;
}

int cuDeviceGetName(char *name, int size, int device) {
    if (!strcmp(mood(), "chatty")) write(1, "a line of somebody else's\n", 26);
    strncpy(name, card(device) ? "Second" : "First", size);
    return 0;
}

static int uuid(unsigned char *bytes, int device) {
    for (int i = 0; i < 16; i++) bytes[i] = (unsigned char)(i + 0x10 * card(device));
    return 0;
}

int cuDeviceGetUuid(unsigned char *bytes, int device) { return uuid(bytes, device); }

int cuDeviceGetUuid_v2(unsigned char *bytes, int device) {
    return !strcmp(mood(), "old") ? 801 : uuid(bytes, device);
}

/* More than 4 GiB: a size that does not fit the 32 bits ctypes assumes. */
int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    *bytes = (size_t)(card(device) ? 24 : 8) << 30;
    return 0;
}

int cuDeviceGetAttribute(int *value, int which, int device) {
    switch (which) {
    case 16: *value = card(device) ? 128 : 24; return 0;
    case 18: *value = !strcmp(mood(), "integrated"); return 0;
    case 75: *value = 8; return 0;
    case 76: *value = 9; return 0;
    case 115: if (!strcmp(mood(), "old")) return 1; *value = 1; return 0;
    default: return 1;
    }
}
