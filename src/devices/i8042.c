// SPDX-License-Identifier: BSD-3-Clause
/*
 * See i8042.h. Commands and status bits: IBM PS/2 hardware interface technical
 * reference, keyboard and auxiliary device controller. There is no interrupt:
 * nobody types.
 */
#include "devices/i8042.h"

#include <errno.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/snap.h"

#define STATUS_OBF     0x01 /* a byte waits at the data port */
#define STATUS_SYSTEM  0x04 /* the self test has passed */
#define STATUS_COMMAND 0x08 /* the last write was a command */
#define STATUS_UNLOCK  0x10 /* the key switch is open */
#define STATUS_TIMEOUT 0x40 /* the device did not answer */

#define CMD_READ_CONFIG  0x20
#define CMD_WRITE_CONFIG 0x60
#define CMD_AUX_OFF      0xa7
#define CMD_AUX_ON       0xa8
#define CMD_TEST_AUX     0xa9
#define CMD_SELF_TEST    0xaa
#define CMD_TEST_KBD     0xab
#define CMD_KBD_OFF      0xad
#define CMD_KBD_ON       0xae
#define CMD_READ_OUTPUT  0xd0
#define CMD_WRITE_OUTPUT 0xd1
#define CMD_WRITE_KBD    0xd2
#define CMD_WRITE_AUX    0xd3
#define CMD_TO_AUX       0xd4
#define CMD_PULSE        0xf0 /* to 0xff: pulses outputs whose bit is 0 */

#define CONFIG_SYSTEM  0x04
#define CONFIG_KBD_OFF 0x10
#define CONFIG_AUX_OFF 0x20

#define OUTPUT_RUN 0x01 /* the reset line: 0 resets */
#define OUTPUT_A20 0x02

#define SELF_TEST_PASSED 0x55
#define CLOCK_STUCK_LOW  0x01 /* the answer of a port test */
#define REPLY_RESEND     0xfe /* with STATUS_TIMEOUT: nobody is there */

struct i8042 {
	struct device dev;
	struct machine_signal signal;
	uint8_t status;
	uint8_t data;
	uint8_t config;
	uint8_t pending; /* the command whose byte is still to come, or 0 */
};

static void reset(struct i8042 *k)
{
	machine_raise(&k->signal, MACHINE_RESET, 0);
}

static void answer(struct i8042 *k, uint8_t data)
{
	k->data = data;
	k->status |= STATUS_OBF;
	k->status &= (uint8_t)~STATUS_TIMEOUT;
}

/* What a controller says when it sent to a device that is not there. */
static void answer_absent(struct i8042 *k)
{
	answer(k, REPLY_RESEND);
	k->status |= STATUS_TIMEOUT;
}

static void command(struct i8042 *k, uint8_t value)
{
	k->pending = 0;
	switch (value) {
	case CMD_READ_CONFIG:
		answer(k, k->config);
		break;
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
	case CMD_WRITE_KBD:
	case CMD_WRITE_AUX:
	case CMD_TO_AUX:
		k->pending = value;
		break;
	case CMD_SELF_TEST:
		k->config = CONFIG_SYSTEM | CONFIG_KBD_OFF | CONFIG_AUX_OFF;
		answer(k, SELF_TEST_PASSED);
		break;
	case CMD_TEST_AUX:
	case CMD_TEST_KBD:
		answer(k, CLOCK_STUCK_LOW);
		break;
	case CMD_KBD_OFF:
		k->config |= CONFIG_KBD_OFF;
		break;
	case CMD_KBD_ON:
		k->config &= (uint8_t)~CONFIG_KBD_OFF;
		break;
	case CMD_AUX_OFF:
		k->config |= CONFIG_AUX_OFF;
		break;
	case CMD_AUX_ON:
		/* There is no second port; a driver sees that by this bit. */
		break;
	case CMD_READ_OUTPUT:
		answer(k, OUTPUT_RUN | OUTPUT_A20);
		break;
	default:
		if (value >= CMD_PULSE && !(value & OUTPUT_RUN))
			reset(k);
		break;
	}
}

static void data(struct i8042 *k, uint8_t value)
{
	uint8_t pending = k->pending;

	k->pending = 0;
	switch (pending) {
	case CMD_WRITE_CONFIG:
		k->config = value | CONFIG_AUX_OFF;
		break;
	case CMD_WRITE_OUTPUT:
		if (!(value & OUTPUT_RUN))
			reset(k);
		break;
	case CMD_WRITE_KBD:
	case CMD_WRITE_AUX: /* not marked as the second port's: absent */
		answer(k, value);
		break;
	default:
		answer_absent(k); /* for the keyboard, or with CMD_TO_AUX */
		break;
	}
}

static uint64_t i8042_read(struct device *dev, unsigned int window,
			   uint64_t off, unsigned int len)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	if (len != 1 || off != 0)
		return UINT64_MAX;
	if (window == I8042_COMMAND)
		return k->status;
	k->status &= (uint8_t)~(STATUS_OBF | STATUS_TIMEOUT);
	return k->data;
}

static void i8042_write(struct device *dev, unsigned int window, uint64_t off,
			unsigned int len, uint64_t value)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	if (len != 1 || off != 0)
		return;
	if (window == I8042_COMMAND) {
		k->status |= STATUS_COMMAND;
		command(k, (uint8_t)value);
	} else {
		k->status &= (uint8_t)~STATUS_COMMAND;
		data(k, (uint8_t)value);
	}
}

static bool pending_ok(uint8_t pending)
{
	switch (pending) {
	case 0:
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
	case CMD_WRITE_KBD:
	case CMD_WRITE_AUX:
	case CMD_TO_AUX:
		return true;
	default:
		return false;
	}
}

static int i8042_snapshot(struct device *dev, struct snap *s)
{
	struct i8042 *k = container_of(dev, struct i8042, dev);

	snap_begin(s, "i8042", 1);
	snap_u8(s, "status", &k->status);
	snap_u8(s, "data", &k->data);
	snap_u8(s, "config", &k->config);
	snap_u8(s, "pending", &k->pending);
	if (k->status & ~(STATUS_OBF | STATUS_SYSTEM | STATUS_COMMAND |
			  STATUS_UNLOCK | STATUS_TIMEOUT))
		snap_reject(s, "status", "bits that do not exist");
	if (!(k->config & CONFIG_AUX_OFF))
		snap_reject(s, "config", "a second port");
	if (!pending_ok(k->pending))
		snap_reject(s, "pending", "a command that waits for nothing");
	snap_end(s);
	return snap_error(s);
}

static void i8042_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct i8042, dev));
}

static const struct device_ops i8042_ops = {
	.name = "i8042",
	.read = i8042_read,
	.write = i8042_write,
	.snapshot = i8042_snapshot,
	.destroy = i8042_destroy,
};

int i8042_create(struct device **out, const char *id,
		 const struct machine_signal *signal)
{
	struct i8042 *k = calloc(1, sizeof(*k));

	*out = NULL;
	if (!k)
		return -ENOMEM;
	device_init(&k->dev, &i8042_ops, id);
	k->signal = *signal;
	k->status = STATUS_SYSTEM | STATUS_UNLOCK;
	k->config = CONFIG_SYSTEM | CONFIG_AUX_OFF;
	*out = &k->dev;
	return 0;
}
