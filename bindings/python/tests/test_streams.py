# SPDX-License-Identifier: BSD-3-Clause
"""The streams of a command. A process of this host's plays it."""

import os
import subprocess
import unittest

from vireo._streams import Pump


def run(script, data=None, timeout=None, text=False, encoding='utf-8'):
    """What came out, and whether it ended in time."""
    pump = Pump(data, encoding, 'strict', text)
    with pump:
        ends = pump.open()
        process = subprocess.Popen(
            ['sh', '-c', script], stdin=ends[0] or subprocess.DEVNULL,
            stdout=ends[1], stderr=ends[2])
        pump.started()
        sign = os.pidfd_open(process.pid)
        in_time = pump.until((sign,), timeout)
        if not in_time:
            process.kill()
            pump.until((sign,), None)
        pump.drain()
        os.close(sign)
        process.wait()
        return pump.output(raw=not in_time), in_time


class Streams(unittest.TestCase):
    def setUp(self):
        self.before = len(os.listdir('/proc/self/fd'))

    def tearDown(self):
        self.assertEqual(len(os.listdir('/proc/self/fd')), self.before)

    def test_output_and_errors_are_apart(self):
        self.assertEqual(run('echo out; echo err >&2'),
                         ([b'out\n', b'err\n'], True))

    def test_input_goes_in_while_output_comes_out(self):
        data = os.urandom(3 << 20)
        (out, err), _ = run('tee /dev/stderr', data)
        self.assertEqual(out, data)
        self.assertEqual(err, data)

    def test_without_input_there_is_an_end_of_it(self):
        self.assertEqual(run('cat; echo end')[0], [b'end\n', b''])

    def test_who_does_not_read_its_input_is_no_failure(self):
        self.assertEqual(run('exec 0<&-; echo enough', b'x' * (1 << 20))[0],
                         [b'enough\n', b''])

    def test_text_is_decoded_as_subprocess_does(self):
        self.assertEqual(run(r'cat; printf "a\r\nb\rc"', '\u00e4', text=True,
                             encoding='latin-1')[0], ['\u00e4a\nb\nc', ''])
        with self.assertRaises(UnicodeDecodeError):
            run(r'printf "\377"', text=True)

    def test_bytes_are_wanted_unless_text_is(self):
        with self.assertRaises(TypeError):
            Pump('text', 'utf-8', 'strict', False)

    def test_what_takes_too_long_has_its_output_until_then(self):
        self.assertEqual(run('echo early; exec sleep 60', timeout=0.3),
                         ([b'early\n', b''], False))

    def test_what_others_hold_open_is_not_waited_for(self):
        self.assertEqual(run('echo one; sleep 5 & :'),
                         ([b'one\n', b''], True))


if __name__ == '__main__':
    unittest.main()
