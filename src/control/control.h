/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket of a VM: HTTP/1.1 with JSON at
 * DIRECTORY/NAME/control.sock, see docs/control.md. A customer of the library,
 * as the program is.
 *
 * Threads: the user's, who polls control_fd() and calls control_serve(); and
 * one for each connection, while there is any.
 */
#ifndef VIREO_CONTROL_CONTROL_H
#define VIREO_CONTROL_CONTROL_H

#include "vireo.h"

struct control;

/*
 * Makes DIRECTORY (the last part of it) when it is not there, and the VM's own
 * directory in it: @name, or a name that is free (NULL). @cfg is what the VM
 * was made of, borrowed and not changed until control_close(). VIREO_ESTATE: a
 * VM that runs has the name; VIREO_EHOST: there cannot be a directory.
 */
int control_open(struct control **out, const char *directory, const char *name,
		 const struct vireo_config *cfg, struct vireo_error *err);

const char *control_name(const struct control *c);

/* Polls readable when somebody connects: then control_serve() is due, with the
 * same @vm each time, which lives until control_hang_up(). -1: nobody can. */
int control_fd(const struct control *c);
void control_serve(struct control *c, struct vireo_vm *vm);

/* Ends all connections: the VM may be destroyed. Nobody is served from here
 * on. NULL is accepted. */
void control_hang_up(struct control *c);
/* That, and removes the VM's directory: the name is free, and who waits for the
 * VM's end goes on. NULL is accepted. */
void control_close(struct control **c);

#endif
