// SPDX-License-Identifier: BSD-3-Clause
/* See guest_attack.h. */
#include "guest_attack.h"

void attack_broken(const struct victim *v, const struct attack *a)
{
	if (!vio_broken(v->dev))
		guest_fail("%s: the device's status is %x, not NEEDS_RESET "
			   "with an interrupt", a->id, vio_status(v->dev));
	v->start(a->features, a->size);
}

static void carry_out(const struct victim *v, const struct attack *a)
{
	v->start(a->features, a->size);
	a->run();
	if (a->end == BREAKS)
		attack_broken(v, a);
	else if (a->end == ENDS)
		v->start(a->features, a->size);
	else if (vio_status(v->dev) != VIO_RUNNING)
		guest_fail("%s: the device's status is %x", a->id,
			   vio_status(v->dev));
	v->works(a->id);
	v->other(a->id);
	guest_printf("%s ok\n", a->id);
}

void attack_all(const struct victim *v, const struct attack *table,
		unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		carry_out(v, &table[i]);
}
