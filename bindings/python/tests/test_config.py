# SPDX-License-Identifier: BSD-3-Clause
"""Configurations: no KVM is needed."""

import gc
import os
import pathlib
import pickle
import signal
import threading
import time
import unittest
from unittest import mock

import vireo
from vireo import Code, Config, VireoError, _native
from vireo._library import lib


def open_fds():
    return len(os.listdir('/proc/self/fd'))


class Values(unittest.TestCase):
    def test_values_are_spelled_as_the_keys_want_them(self):
        config = Config(cpus=4, testdev=True, pit=False, memory='1G',
                        kernel=pathlib.Path('/boot/vmlinuz'),
                        initrd=['a', b'b'], cmdline_only=True)
        self.assertEqual(config['cpus'], '4')
        self.assertEqual(config['testdev'], 'true')
        self.assertEqual(config['pit'], 'false')
        self.assertEqual(config['kernel'], '/boot/vmlinuz')
        self.assertEqual(config.values('initrd'), ['a', 'b'])
        self.assertEqual(config['cmdline-only'], 'true')

    def test_defaults_are_values_that_were_not_set(self):
        config = Config()
        self.assertEqual(config['memory'], '256M')
        self.assertNotIn('memory', config)
        self.assertNotIn('no-such-key', config)
        self.assertNotIn(7, config)
        self.assertIsNone(config.get('kernel'))
        self.assertIsNone(config.get('no-such-key'))
        with self.assertRaises(KeyError):
            config['kernel']
        for index in (-1, 1 << 64):
            with self.assertRaises(VireoError):
                config.get('initrd', index)

    def test_an_error_has_code_key_and_text(self):
        config = Config(memory='1G')
        with self.assertRaises(VireoError) as caught:
            config['memory'] = 'much'
        self.assertEqual(caught.exception.code, Code.EINVAL)
        self.assertEqual(caught.exception.key, 'memory')
        self.assertIn('memory', caught.exception.text)
        self.assertEqual(str(caught.exception), caught.exception.text)
        self.assertEqual(config['memory'], '1G')
        again = pickle.loads(pickle.dumps(caught.exception))
        self.assertEqual((again.code, again.key, again.text),
                         (Code.EINVAL, 'memory', caught.exception.text))

    def test_unknown_keys_name_the_nearest(self):
        with self.assertRaisesRegex(VireoError, 'memory'):
            Config(memroy='1G')

    def test_what_is_no_value_is_refused(self):
        config = Config()
        for value in (None, 1.5, object(), {}):
            with self.assertRaises(TypeError):
                config.set('memory', value)
        with self.assertRaisesRegex(VireoError, 'zero byte'):
            config.set('kernel', 'a\0b')
        with self.assertRaisesRegex(VireoError, 'zero byte'):
            config.set('ker\0nel', 'a')
        with self.assertRaises(VireoError):
            config.set('cpus', -1)

    def test_kernels_by_name_are_where_the_program_has_them(self):
        for home, folder in (({'XDG_CACHE_HOME': '/x'}, '/x/vireo'),
                             ({'XDG_CACHE_HOME': 'x', 'HOME': '/h'},
                              '/h/.cache/vireo'),
                             ({'HOME': '/h'}, '/h/.cache/vireo'), ({}, None)):
            with mock.patch.dict(os.environ, home, clear=True):
                for kernel in ('debian:6.12', 'vmlinuz', '/a:b/c'):
                    config = Config(kernel=kernel)
                    config._cache_kernels()
                    self.assertEqual(config.get('cache'), folder
                                     if kernel == 'debian:6.12' else None)
                config = Config(cache='none')
                config._use_cache()
                self.assertEqual(config['cache'], 'none')
        with mock.patch.dict(os.environ, {'HOME': '/h'}, clear=True):
            for kind in (vireo.Machine, vireo.Vm):
                with self.assertRaisesRegex(VireoError, 'fetch debian:6.12'):
                    kind(kernel='debian:6.12')

    def test_bytes_are_bytes(self):
        config = Config()
        with self.assertRaises(TypeError):
            config.add_virtio('x', 4, request=print, config=5)
        with self.assertRaises(TypeError):
            config.parse(5)
        config.parse(bytearray(b'{"cpus": 2}'))
        self.assertEqual(config['cpus'], '2')

    def test_names_that_are_no_text_survive(self):
        config = Config(kernel=b'/boot/\xff')
        self.assertEqual(os.fsencode(config['kernel']), b'/boot/\xff')


class Json(unittest.TestCase):
    def test_to_json_and_parse_are_each_others_inverse(self):
        first = Config(memory='512M', initrd=['a', 'b'], testdev=True)
        second = Config()
        second.parse(first.to_json())
        self.assertEqual(first.to_json(), second.to_json())
        second.parse(b'{"cpus": 2}')
        self.assertEqual(second['cpus'], '2')

    def test_what_fails_changes_nothing(self):
        config = Config(memory='512M')
        before = config.to_json()
        for text in ('{', '', '{"memory":"1G","cpus":0}', '[]', 'x' * 2000000):
            with self.assertRaises(VireoError):
                config.parse(text)
        self.assertEqual(config.to_json(), before)


class Life(unittest.TestCase):
    def test_a_closed_one_raises_and_does_not_crash(self):
        config = Config(memory='1G')
        config.close()
        config.close()
        for misuse in (lambda: config['memory'], config.to_json,
                       lambda: config.set('memory', '1G'),
                       lambda: 'memory' in config,
                       lambda: config.parse('{}'),
                       lambda: config.set_fd('kvm', 0),
                       lambda: config.set_log(print), config.copy,
                       lambda: vireo.Machine(config)):
            with self.assertRaises(VireoError) as caught:
                misuse()
            self.assertEqual(caught.exception.code, Code.ESTATE)
        self.assertIn('closed', repr(config))

    def test_nothing_is_left(self):
        before = open_fds()
        with open('/dev/null', 'rb') as null, Config() as config:
            config.set_fd('console-in', null)
            config.set_fd('console-in', null.fileno())
            copied = config.copy()
        copied.close()
        for fd in (-1, 1 << 32):
            with self.assertRaises(VireoError):
                Config().set_fd('kvm', fd)
        with self.assertRaises(VireoError) as caught:
            Config().set_fd('kvm', 9999)
        self.assertEqual(caught.exception.key, 'kvm')
        del caught
        gc.collect()
        self.assertEqual(open_fds(), before)

    def test_a_copy_is_another_one(self):
        first = Config(memory='512M', initrd=['a', 'b'])
        second = first.copy()
        second['memory'] = '1G'
        self.assertEqual(first['memory'], '512M')
        self.assertEqual(second.values('initrd'), ['a', 'b'])

    def test_several_threads_may_use_one(self):
        config = Config()

        def work(number):
            for _ in range(200):
                config['cpus'] = number
                self.assertIn(config['cpus'], '1 2 3 4'.split())
                config.to_json()

        threads = [threading.Thread(target=work, args=(n,))
                   for n in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIn('cpus', config)


    def test_a_log_wants_a_function_and_a_level(self):
        config = Config()
        with self.assertRaises(TypeError):
            config.set_log(7)
        with self.assertRaises(ValueError):
            config.set_log(print, 17)
        config.set_log(print, 3)
        config.set_log(None)

    def test_a_forked_process_is_refused_whatever_the_others_did(self):
        config = Config()
        with config._lock:
            pid = os.fork()
            if pid == 0:
                # Nobody here will ever give the lock back.
                refused = []

                def try_all():
                    for call in (config.to_json, config.copy,
                                 lambda: config.values('initrd')):
                        try:
                            call()
                        except VireoError:
                            refused.append(call)
                    config.close()

                thread = threading.Thread(target=try_all, daemon=True)
                thread.start()
                thread.join(10)
                os._exit(0 if len(refused) == 3 and not thread.is_alive()
                         else 1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


class Constants(unittest.TestCase):
    def test_the_version_is_that_of_the_package(self):
        self.assertEqual(vireo.version(), vireo.__version__)

    def test_features_have_names(self):
        self.assertIn('dirty-pages', vireo.features())

    def test_keys_are_all_there(self):
        keys = {key.name: key for key in vireo.keys()}
        self.assertIn('kernel', keys)
        self.assertEqual(keys['memory'].letter, 'm')
        self.assertTrue(keys['initrd'].repeatable)
        self.assertIsNone(keys['testdev'].arg)
        for key in keys.values():
            self.assertTrue(key.summary and key.help and key.example)

    def test_all_names_of_the_package_are_there(self):
        for name in vireo.__all__:
            self.assertTrue(hasattr(vireo, name), name)


class Host(unittest.TestCase):
    def test_kernels_have_names(self):
        package = 'linux-image-6.12.9-cloud-amd64'
        name = vireo.kernel_name(package)
        self.assertTrue(name and name.startswith('debian:'), name)
        self.assertIsNone(vireo.kernel_name('coreutils'))
        self.assertEqual(vireo.kernel_choose(
            'debian:6.12-cloud', [package, 'linux-image-6.1.0-9-amd64']),
            package)
        with self.assertRaises(VireoError):
            vireo.kernel_choose('debian:5.10', [package])
        with self.assertRaises(VireoError):
            vireo.kernel_find('debian:6.12', '/nowhere')

    def test_what_is_no_overlay_is_an_error(self):
        with self.assertRaises(VireoError) as caught:
            vireo.disk_check(__file__)
        self.assertEqual(caught.exception.code, Code.EIMAGE)
        with self.assertRaises(VireoError) as caught:
            vireo.disk_check('/nowhere')
        self.assertEqual(caught.exception.code, Code.EHOST)

    def test_a_check_tells_with_and_without_kvm(self):
        with open('/dev/null', 'rb') as null:
            found = vireo.check(null)
        self.assertFalse(found.kernels or found.guests)
        self.assertTrue(found.rows)
        self.assertEqual(found.rows[-1].group, 'verdict')

    def test_ctrl_c_is_heard_while_it_looks(self):
        rows = []
        end = threading.Event()

        def look(cfg, fn, ctx):
            os.kill(os.getpid(), signal.SIGINT)
            for n in range(20):
                time.sleep(0.005)
                fn(None, _native.CheckRow(b'kvm', b'x', 0, True, b''))
                rows.append(n)
            end.set()
            return 0

        look.argtypes = lib.vireo_check.argtypes
        old = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with mock.patch.object(lib, 'vireo_check', look):
                with self.assertRaises(KeyboardInterrupt):
                    vireo.check()
        finally:
            signal.signal(signal.SIGINT, old)
        self.assertTrue(end.wait(10))
        self.assertEqual(len(rows), 20)

    def test_a_machine_without_a_kernel_names_the_key(self):
        with self.assertRaises(VireoError) as caught:
            vireo.Machine()
        self.assertEqual(caught.exception.key, 'kernel')
        with self.assertRaises(TypeError):
            vireo.Machine(Config(), memory='1G')
        with self.assertRaises(TypeError):
            vireo.Vm(Config(), memory='1G')
        for kind in (vireo.Machine, vireo.Vm):
            with self.assertRaisesRegex(TypeError, 'kernel='):
                kind('/boot/vmlinuz')
        with self.assertRaises(VireoError) as caught:
            vireo.Vm(command='true')
        self.assertEqual(caught.exception.key, 'command')


if __name__ == '__main__':
    unittest.main()
