package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// failing is what go test writes of a package whose tests fail, saying so.
func failing(pkg, says string, tests ...string) string {
	var b strings.Builder
	for _, name := range tests {
		fmt.Fprintf(&b, `{"Action":"output","Package":%q,"Test":%q,"Output":%q}`+"\n", pkg, name, says)
		fmt.Fprintf(&b, `{"Action":"fail","Package":%q,"Test":%q}`+"\n", pkg, name)
	}
	fmt.Fprintf(&b, `{"Action":"fail","Package":%q}`+"\n", pkg)
	return b.String()
}

func TestOnlyWhatPassesEveryTimeAloneIsUnsteady(t *testing.T) {
	const wrong = "it is wrong\n"
	for name, c := range map[string]struct {
		in     string
		passes int // of the three tries
		err    error
		tried  string
		ok     bool
	}{
		"it passes each time":             {failing("p", wrong, "T"), 3, nil, "p ^T$", true},
		"it fails again":                  {failing("p", wrong, "T"), 2, errors.New("exit 1"), "p ^T$", false},
		"it does not run":                 {failing("p", wrong, "T"), 0, nil, "p ^T$", false},
		"its part alone":                  {failing("p", wrong, "T/a(b)", "T"), 3, nil, `p ^T$/^a\(b\)$`, true},
		"the program fails all the same":  {failing("p", wrong, "T"), 3, errors.New("exit 1"), "p ^T$", false},
		"a data race":                     {failing("p", "WARNING: DATA RACE\n", "T"), 3, nil, "", false},
		"a panic":                         {failing("p", "panic: boom\n", "T"), 3, nil, "", false},
		"a time-out":                      {failing("p", "panic: test timed out after 15m0s\n", "T"), 3, nil, "", false},
		"an attack":                       {failing("p", wrong, "TestAttackForkedLog"), 3, nil, "", false},
		"too many":                        {failing("p", wrong, "T", "U") + failing("q", wrong, "V", "W"), 3, nil, "", false},
		"no test":                         {failing("p", wrong), 3, nil, "", false},
		"one package that does not build": {failing("p", wrong, "T") + failing("q", wrong), 3, nil, "", false},
	} {
		tried := ""
		run := func(pkg, pattern string, times int) ([]byte, error) {
			tried = pkg + " " + pattern
			name := "T"
			if strings.Contains(pattern, "/") {
				name = "T/a(b)"
			}
			line := fmt.Sprintf(`{"Action":"pass","Package":%q,"Test":%q}`+"\n", pkg, name)
			if times != 3 {
				t.Errorf("%s: %d times", c.in, times)
			}
			return []byte(strings.Repeat(line, c.passes)), c.err
		}
		var out strings.Builder
		ok, err := tell(strings.NewReader(c.in), &out, run)
		if ok != c.ok || err != nil || tried != c.tried {
			t.Errorf("%s: %v, %v, tried %q\n%s", name, ok, err, tried, &out)
		}
		if told := strings.Contains(out.String(), "UNSTEADY p "); told != c.ok {
			t.Errorf("%s: told as unsteady: %v", name, told)
		}
		if !strings.Contains(out.String(), "FAIL") || strings.Contains(c.in, wrong) && strings.Contains(c.in, `"T"`) && !strings.Contains(out.String(), wrong) {
			t.Errorf("%s: the first failure is not told:\n%s", name, &out)
		}
	}
}

// TestACommandRunsOneTest tries it with go itself.
func TestACommandRunsOneTest(t *testing.T) {
	said, err := command(t.Context(), "go test")("polity/internal/testtell", pattern("TestPattern"), 2)
	if n := passes(said, key{"polity/internal/testtell", "TestPattern"}); err != nil || n != 2 {
		t.Errorf("%v, %d\n%s", err, n, said)
	}
}

func TestPattern(t *testing.T) {
	if p := pattern("TestA/b.c/d+"); p != `^TestA$/^b\.c$/^d\+$` {
		t.Error(p)
	}
}
