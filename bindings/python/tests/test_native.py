# SPDX-License-Identifier: BSD-3-Clause
"""What prototypes mean to ctypes."""

import ctypes
import unittest

from vireo import _library, _native


class Types(unittest.TestCase):
    def test_text_is_what_it_is_to_ctypes(self):
        for text, kind in (
                ('int', ctypes.c_int), ('unsigned int', ctypes.c_uint),
                ('size_t', ctypes.c_size_t), ('void', None),
                ('enum vireo_code', ctypes.c_int),
                ('const char *', ctypes.c_char_p),
                ('char *', ctypes.c_char_p), ('char **', ctypes.POINTER(
                    ctypes.c_void_p)),
                ('void *', ctypes.c_void_p),
                ('struct vireo_vm *', ctypes.c_void_p),
                ('struct vireo_vm **', ctypes.POINTER(ctypes.c_void_p)),
                ('const struct vireo_end *', ctypes.POINTER(_native.End)),
                ('uint64_t *', ctypes.POINTER(ctypes.c_uint64))):
            self.assertIs(_native.type_of(text), kind, text)

    def test_unknown_types_are_refused(self):
        for text in ('float32', 'struct vireo_vm', 'vireo_t *', ''):
            with self.assertRaises(TypeError):
                _native.type_of(text)

    def test_prototypes_with_callbacks_are_taken_apart(self):
        name, returned, taken = _native.parse(
            'void vireo_x(struct vireo_vm *vm,\n'
            '    int (*fn)(void *ctx, uint64_t a), void *ctx)')
        self.assertEqual(name, 'vireo_x')
        self.assertIsNone(returned)
        self.assertEqual(taken, [
            ctypes.c_void_p,
            ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_uint64),
            ctypes.c_void_p])

    def test_no_parameters_are_none(self):
        self.assertEqual(_native.parse('const char *vireo_version(void)'),
                         ('vireo_version', ctypes.c_char_p, []))


class Library(unittest.TestCase):
    def test_what_a_callback_of_a_call_raises_comes_out_of_it(self):
        seen = []

        def line(_, text):
            seen.append(text)
            raise KeyError(text)

        with self.assertRaises(KeyError):
            with _library.listening() as listen:
                made = listen('vireo_trace', 1, line)
                made(None, b'one')
                made(None, b'two')
        self.assertEqual(seen, [b'one'])

    def test_every_function_has_its_types(self):
        for prototype in _native.PROTOTYPES.split(';'):
            if prototype.strip():
                name, _, taken = _native.parse(prototype)
                self.assertEqual(getattr(_library.lib, name).argtypes, taken)

    def test_a_library_that_is_not_there_says_what_to_do(self):
        with self.assertRaisesRegex(ImportError, 'VIREO_LIBRARY'):
            _library.load('/nowhere/libvireo.so')

    def test_a_library_that_is_another_one_is_refused(self):
        with self.assertRaisesRegex(ImportError, 'vireo_version'):
            _library.load('libc.so.6')


if __name__ == '__main__':
    unittest.main()
