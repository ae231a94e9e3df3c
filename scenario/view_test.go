package scenario

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"polity/camera/canvas"
	"polity/camera/live"
	"polity/camera/wire"
)

// view is a page that looks at the square and is looked at by the judge.
type view struct {
	town   *town
	judge  *judge
	stop   context.CancelFunc
	done   chan struct{}
	canvas canvas.Canvas
	next   time.Time // when the judge looks again

	places, marks, people int
	worst                 string

	mu    sync.Mutex
	said  bytes.Buffer  // all that came
	seen  []*wire.Marks // marks of several things
	drawn []*wire.Place
}

// judgeEvery spares the machine: the place changes slowly.
const judgeEvery = time.Second

// look opens a live feed and keeps it open through whatever happens.
func (w *town) look() *view {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	v := &view{town: w, judge: theJudge(w.t), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(v.done)
		for ctx.Err() == nil {
			v.once(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	w.t.Cleanup(v.end)
	return v
}

func (v *view) end() {
	v.stop()
	<-v.done
}

func (v *view) once(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+v.town.hubAt+"/live?cameras=square", nil)
	if err != nil {
		return
	}
	v.town.show(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	in := bufio.NewReaderSize(answer.Body, 1<<20)
	name := ""
	for {
		line, err := in.ReadString('\n')
		v.mu.Lock()
		v.said.WriteString(line)
		v.mu.Unlock()
		if err != nil {
			return
		}
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = strings.TrimSpace(n)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			v.take(name, []byte(data))
		}
	}
}

func (v *view) take(name string, data []byte) {
	switch name {
	case "place":
		var p live.Place
		if err := json.Unmarshal(data, &p); err != nil {
			v.town.t.Errorf("a place of the feed: %v", err)
			return
		}
		v.places++
		v.draw(&p)
	case "marks":
		var m live.Marks
		if err := json.Unmarshal(data, &m); err != nil {
			v.town.t.Errorf("marks of the feed: %v", err)
			return
		}
		v.marks += len(m.Marks) / 3
		v.note(&m)
	}
}

// note keeps marks of several things, to look for them later.
func (v *view) note(m *live.Marks) {
	if len(m.Marks) < 9 {
		return
	}
	x := &wire.Marks{At: time.UnixMilli(m.At), Grid: wire.Grid(m.Grid)}
	for i := 0; i+2 < len(m.Marks); i += 3 {
		x.Marks = append(x.Marks, wire.Mark{Class: wire.Class(m.Marks[i]), Column: m.Marks[i+1], Row: m.Marks[i+2]})
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, x)
}

func (v *view) draw(p *live.Place) {
	x := &wire.Place{At: time.UnixMilli(p.At), Sequence: v.canvas.Sequence() + 1, Width: p.Width, Height: p.Height, Whole: p.Whole, Tiles: p.Tiles, Atlas: p.Atlas}
	for _, c := range p.Known {
		k, _ := strconv.ParseUint(string(c), 16, 8)
		x.Known = append(x.Known, uint8(k))
	}
	if p.Whole {
		columns, rows := (int(p.Width)+wire.TileSize-1)/wire.TileSize, (int(p.Height)+wire.TileSize-1)/wire.TileSize
		for i := range columns * rows {
			x.Tiles = append(x.Tiles, uint16(i))
		}
	}
	if err := v.canvas.Apply(x); err != nil {
		v.town.t.Errorf("a place of the feed cannot be drawn: %v", err)
		return
	}
	v.mu.Lock()
	v.drawn = append(v.drawn, x)
	v.mu.Unlock()
	if time.Now().Before(v.next) && !p.Whole {
		return
	}
	v.next = time.Now().Add(judgeEvery)
	n, worst, err := v.judge.place(&v.canvas)
	if err != nil {
		v.town.t.Error(err)
	}
	if v.people += n; n > 0 {
		v.worst = worst
	}
}

// place judges a canvas.
func (j *judge) place(c *canvas.Canvas) (int, string, error) {
	picture, err := c.JPEG()
	if err != nil {
		return 0, "", err
	}
	img, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		return 0, "", err
	}
	known := c.Known()
	columns := (j.width + wire.BlockSize - 1) / wire.BlockSize
	s, err := j.look(img, func(x, y int) bool {
		n := y/wire.BlockSize*columns + x/wire.BlockSize
		return known[n/8]&(1<<(n%8)) != 0
	})
	if err != nil {
		return 0, "", err
	}
	n, worst := j.people(s)
	return n, worst, nil
}
