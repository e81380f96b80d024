// SPDX-License-Identifier: BSD-3-Clause
/* See sandbox_stop.h. */
#include "sandbox/sandbox_stop.h"

#include <errno.h>
#include <signal.h>

void sandbox_stop_init(struct sandbox_stop *s)
{
	pthread_mutex_init(&s->lock, NULL);
	s->running = false;
	atomic_init(&s->wanted, false);
}

void sandbox_stop_finish(struct sandbox_stop *s)
{
	pthread_mutex_destroy(&s->lock);
}

void sandbox_stop_begin(struct sandbox_stop *s, struct kvm_vcpu *vcpu)
{
	pthread_mutex_lock(&s->lock);
	s->running = true;
	s->thread = pthread_self();
	atomic_store(&s->wanted, false);
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&s->lock);
}

void sandbox_stop_end(struct sandbox_stop *s)
{
	pthread_mutex_lock(&s->lock);
	s->running = false;
	pthread_mutex_unlock(&s->lock);
	if (atomic_load(&s->wanted))
		kvm_consume_kick();
}

/* The flag catches a thread that is about to enter the guest, the signal one
 * that is inside. */
int sandbox_stop_call(struct sandbox_stop *s, struct kvm_vcpu *vcpu)
{
	int r = -EBUSY;

	pthread_mutex_lock(&s->lock);
	if (s->running) {
		atomic_store(&s->wanted, true);
		__atomic_store_n(&vcpu->run->immediate_exit, 1,
				 __ATOMIC_SEQ_CST);
		pthread_kill(s->thread, kvm_kick_signal());
		r = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}
