package harness

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

func bench(run func(context.Context, *Run) (Figures, error)) Bench {
	return Bench{Name: "sample", About: "Measures nothing.", Variables: []Variable{{Name: "FILM", Default: "a.avi", Help: "which film"}}, Quick: "the peers", Run: run}
}

func TestLastLineIsOneObjectInOrder(t *testing.T) {
	var out, progress bytes.Buffer
	code := bench(func(_ context.Context, r *Run) (Figures, error) {
		r.Say("film %s", r.Text("FILM"))
		return Figures{{"z", 1}, {"peer", nil}, {"a", 2.5}}, nil
	}).main(t.Context(), nil, func(k string) string { return map[string]string{"FILM": "b.avi", "QUICK": "1"}[k] }, &out, &progress)
	if code != 0 || out.String() != `{"bench":"sample","z":1,"peer":null,"a":2.5}`+"\n" {
		t.Fatalf("exit %d, %q", code, out.String())
	}
	for _, want := range []string{"film b.avi", "left out: the peers"} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("progress lacks %q: %q", want, progress.String())
		}
	}
}

func TestDefaultOfADefault(t *testing.T) {
	for film, want := range map[string]string{"": "a.csv", "a.avi": "a.csv", "b.avi": ""} {
		b := bench(func(_ context.Context, r *Run) (Figures, error) {
			return Figures{{"people", r.Text("PEOPLE")}}, nil
		})
		b.Variables = append(b.Variables, Variable{Name: "PEOPLE", Default: "a.csv", Of: "FILM"})
		var out, progress bytes.Buffer
		code := b.main(t.Context(), nil, func(k string) string { return map[string]string{"FILM": film}[k] }, &out, &progress)
		if code != 0 || out.String() != `{"bench":"sample","people":"`+want+"\"}\n" {
			t.Errorf("film %q: exit %d, %s%s", film, code, out.String(), progress.String())
		}
	}
}

func TestNoLineWithoutFigures(t *testing.T) {
	for name, run := range map[string]func(context.Context, *Run) (Figures, error){
		"failed": func(context.Context, *Run) (Figures, error) { return nil, errors.New("no film") },
		"twice":  func(context.Context, *Run) (Figures, error) { return Figures{{"a", 1}, {"a", 2}}, nil },
		"chan":   func(context.Context, *Run) (Figures, error) { return Figures{{"a", make(chan int)}}, nil },
	} {
		var out, progress bytes.Buffer
		if code := bench(run).main(t.Context(), nil, func(string) string { return "" }, &out, &progress); code != 1 || out.Len() != 0 || progress.Len() == 0 {
			t.Errorf("%s: exit %d, out %q, progress %q", name, code, out.String(), progress.String())
		}
	}
}
