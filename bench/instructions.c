/* A TCG plugin for QEMU 9 or later that counts the instructions of a guest.
 *
 * Each translated block adds the number of its instructions to a counter when it runs. Whoever connects to the socket that
 * is given as "socket=PATH" reads the sum as one line. Declared here is the part of qemu-plugin.h that is used, which
 * Debian's packages of QEMU do not contain (include/qemu/qemu-plugin.h in QEMU's sources, API version 4).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} qemu_plugin_u64;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*callback)(plugin_id, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
extern void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
    struct qemu_plugin_tb *block, enum qemu_plugin_op op, qemu_plugin_u64 entry, uint64_t value);
extern struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
extern uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 entry);

EXPORT int qemu_plugin_version = 4;

static qemu_plugin_u64 executed;
static int listener;

static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
        block, QEMU_PLUGIN_INLINE_ADD_U64, executed, qemu_plugin_tb_n_insns(block));
}

static void *answer(void *unused)
{
    (void)unused;
    for (;;) {
        char line[32];
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            continue;
        }
        int length = snprintf(line, sizeof line, "%" PRIu64 "\n", qemu_plugin_u64_sum(executed));
        (void)!write(client, line, (size_t)length);
        close(client);
    }
    return NULL;
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    static const char key[] = "socket=";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    pthread_t thread;

    (void)info;
    if (argc != 1 || strncmp(argv[0], key, sizeof key - 1) != 0 || strlen(argv[0]) - (sizeof key - 1) >= sizeof address.sun_path) {
        fprintf(stderr, "instructions: give socket=PATH, of at most 107 bytes\n");
        return 1;
    }
    strcpy(address.sun_path, argv[0] + sizeof key - 1);
    executed.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4)) {
        perror("instructions: socket");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return pthread_create(&thread, NULL, answer, NULL);
}
