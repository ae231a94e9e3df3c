package main

import (
	"strings"
	"testing"
)

func TestTell(t *testing.T) {
	for name, c := range map[string]struct {
		in       string
		ok       bool
		has, not []string
	}{
		"pass": {
			`{"Action":"output","Package":"p","Test":"T","Output":"quiet words\n"}
{"Action":"pass","Package":"p","Test":"T"}
{"Action":"pass","Package":"p","Elapsed":1.25}
`, true,
			[]string{"ok       1.2s p\n", "1 packages passed, 0 failed, 0 tests were left out"},
			[]string{"quiet words"},
		},
		"a failed test says all": {
			`{"Action":"output","Package":"p","Test":"T","Output":"it is wrong\n"}
{"Action":"fail","Package":"p","Test":"T"}
{"Action":"fail","Package":"p"}
`, false,
			[]string{"it is wrong\n", "FAIL"},
			nil,
		},
		"a panic is told": {
			`{"Action":"output","Package":"p","Test":"T","Output":"panic: boom\n"}
{"Action":"output","Package":"p","Test":"U","Output":"of another package's test\n"}
{"Action":"fail","Package":"p"}
`, false,
			[]string{"panic: boom\n"},
			nil,
		},
		"left out, with the reason": {
			`{"Action":"output","Package":"p","Test":"T","Output":"=== RUN   T\n"}
{"Action":"output","Package":"p","Test":"T","Output":"    x_test.go:3: no multicast here\n"}
{"Action":"output","Package":"p","Test":"T","Output":"--- SKIP: T (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"T"}
{"Action":"skip","Package":"p","Test":"U"}
{"Action":"skip","Package":"q"}
{"Action":"pass","Package":"p"}
`, true,
			[]string{"  p T: x_test.go:3: no multicast here\n", "  p U: no reason was given\n", "2 tests were left out"},
			[]string{"=== RUN"},
		},
		"build failed": {
			`{"ImportPath":"p","Action":"build-output","Output":"p.go:1: undefined: x\n"}
{"Action":"fail","Package":"p"}
`, false,
			[]string{"p.go:1: undefined: x\n"},
			nil,
		},
		"words of go itself": {
			"pattern ./x: no such directory\n" + `{"Action":"pass","Package":"p"}`, true,
			[]string{"pattern ./x"},
			nil,
		},
	} {
		var out strings.Builder
		ok, err := tell(strings.NewReader(c.in), &out, nil)
		if ok != c.ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		for _, w := range c.has {
			if !strings.Contains(out.String(), w) {
				t.Errorf("%s: without %q:\n%s", name, w, out.String())
			}
		}
		for _, w := range c.not {
			if strings.Contains(out.String(), w) {
				t.Errorf("%s: with %q:\n%s", name, w, out.String())
			}
		}
	}
	if ok, err := tell(strings.NewReader("nothing\n"), &strings.Builder{}, nil); ok || err == nil {
		t.Errorf("nothing passed for success: %v", err)
	}
}
