package bundle

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"polity/camera/layout"
	"polity/camera/live"
	"polity/camera/wire"
	"polity/city"
	"polity/console"
	"polity/console/frame"
	"polity/console/ground"
	"polity/console/names"
	"polity/console/waste"
	"polity/room/alert"
	"polity/room/order"
)

// TypesFile is where the TypeScript types stand, below the folder console. It is
// part of the tree, so that an editor knows the types; a test keeps it in step.
const TypesFile = "islands/generated.ts"

// mirrored are the Go types that scripts read or write as JSON, under the names
// that they have there.
var mirrored = []struct {
	name string
	of   any
}{
	{"Hello", live.Hello{}},
	{"LineState", live.Line{}},
	{"Place", live.Place{}},
	{"Marks", live.Marks{}},
	{"State", live.State{}},
	{"LiveEvent", live.Event{}},
	{"Layout", layout.Layout{}},
	{"Zone", layout.Zone{}},
	{"Line", layout.Line{}},
	{"Ground", layout.Ground{}},
	{"Point", layout.Point{}},
	{"Metres", layout.Metres{}},
	{"SceneData", console.SceneData{}},
	{"ChartData", console.ChartData{}},
	{"ChartLine", console.ChartLine{}},
	{"Tick", console.Tick{}},
	{"Palette", ground.Palette{}},
	{"MapData", console.MapData{}},
	{"MapCamera", console.MapCamera{}},
	{"MapMapped", console.MapMapped{}},
	{"TransitMapData", console.TransitMapData{}},
	{"TransitFeedData", console.TransitFeedData{}},
	{"SensorChart", console.SensorChart{}},
	{"SensorLevel", console.SensorLevel{}},
	{"RecordChart", console.RecordChart{}},
	{"ConcernedData", console.ConcernedData{}},
	{"OpeningsData", console.OpeningsData{}},
	{"OpeningsAt", console.OpeningsAt{}},
	{"OpeningsCamera", console.OpeningsCamera{}},
	{"OpeningData", console.OpeningData{}},
	{"UnknownOpening", console.UnknownOpening{}},
	{"WallData", console.WallData{}},
	{"WallCamera", console.WallCamera{}},
	{"PushSubscription", console.PushSubscription{}},
	{"Position", city.Point{}},
	{"Alert", alert.Alert{}},
	{"AlertTitle", alert.Title{}},
	{"AlertValue", alert.Value{}},
	{"AlertEntry", alert.Entry{}},
	{"RoomData", console.RoomData{}},
	{"RoomKind", console.RoomKind{}},
	{"RoomCamera", console.RoomCamera{}},
	{"CrewData", console.CrewData{}},
	{"CrewOrder", console.CrewOrder{}},
	{"CrewMap", ground.Picture{}},
	{"DriverData", waste.DriverData{}},
	{"DriverTour", waste.DriverTour{}},
	{"DriverMine", waste.DriverMine{}},
	{"DriverCall", waste.DriverCall{}},
	{"OrderAssignee", order.Assignee{}},
	{"OrderSource", order.Source{}},
	{"OrderEntry", order.Entry{}},
	{"OrderPhoto", order.Photo{}},
	{"RecordedData", console.RecordedData{}},
	{"CaseNewData", console.CaseNewData{}},
	{"CaseNewCamera", console.CaseNewCamera{}},
	{"EditorData", console.EditorData{}},
	{"Problem", frame.Problem{}},
}

// WriteTypes writes TypesFile.
func WriteTypes(folder string) error {
	text, err := Types()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, TypesFile), text, 0o644) //nolint:gosec // source text
}

// Types returns the text of TypesFile.
func Types() ([]byte, error) {
	g := generator{names: map[reflect.Type]string{}}
	for _, m := range mirrored {
		g.names[reflect.TypeOf(m.of)] = m.name
	}
	g.out.WriteString("// Code generated from Go by go generate ./console/...; DO NOT EDIT.\n")
	for _, m := range mirrored {
		if err := g.object(m.name, reflect.TypeOf(m.of)); err != nil {
			return nil, err
		}
	}
	constants(&g.out, "classes", names.Classes)
	constants(&g.out, "events", names.Events)
	constants(&g.out, "conditions", names.Conditions)
	fmt.Fprintf(&g.out, "\nexport const grids = { pixels16: %d, halfMetres: %d } as const;\n", wire.Pixels16, wire.HalfMetres)
	fmt.Fprintf(&g.out, "export const tileSize = %d;\nexport const blockSize = %d;\nexport const atlasColumns = %d;\n", wire.TileSize, wire.BlockSize, wire.AtlasColumns)
	fmt.Fprintf(&g.out, "export const maxZones = %d;\nexport const maxLines = %d;\n", layout.MaxZones, layout.MaxLines)
	return g.out.Bytes(), nil
}

type generator struct {
	names map[reflect.Type]string
	out   bytes.Buffer
}

func (g *generator) object(name string, t reflect.Type) error {
	fmt.Fprintf(&g.out, "\nexport interface %s {\n", name)
	if err := g.fields(t); err != nil {
		return err
	}
	g.out.WriteString("}\n")
	return nil
}

// fields writes a struct's fields; those of an embedded struct stand beside its own, as
// encoding/json writes them.
func (g *generator) fields(t reflect.Type) error {
	for f := range t.Fields() {
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if err := g.fields(f.Type); err != nil {
				return err
			}
			continue
		}
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == "" || tag == "-" {
			return fmt.Errorf("%s.%s has no JSON name", t, f.Name)
		}
		mirror, err := g.mirror(f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		optional := ""
		if strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero") {
			optional = "?"
		}
		fmt.Fprintf(&g.out, "  %s%s: %s;\n", tag, optional, mirror)
	}
	return nil
}

func (g *generator) mirror(t reflect.Type) (string, error) {
	if name, ok := g.names[t]; ok {
		return name, nil
	}
	if t == reflect.TypeFor[time.Time]() {
		return "string", nil // RFC 3339
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean", nil
	case reflect.String:
		return "string", nil
	case reflect.Int, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float64:
		return "number", nil
	case reflect.Pointer:
		of, err := g.mirror(t.Elem())
		return of + " | null", err
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string", nil // base64
		}
		of, err := g.mirror(t.Elem())
		if strings.Contains(of, " ") {
			of = "(" + of + ")"
		}
		return of + "[]", err
	case reflect.Array:
		of, err := g.mirror(t.Elem())
		return "[" + strings.TrimSuffix(strings.Repeat(of+", ", t.Len()), ", ") + "]", err
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			of, err := g.mirror(t.Elem())
			return "Record<string, " + of + ">", err
		}
	}
	return "", fmt.Errorf("a %s has no counterpart: add it to mirrored", t)
}

func constants[K interface{ ~uint8 }](b *bytes.Buffer, name string, words map[K]string) {
	fmt.Fprintf(b, "\nexport const %s = {\n", name)
	for _, k := range slices.Sorted(maps.Keys(words)) {
		fmt.Fprintf(b, "  %d: %q,\n", k, words[k])
	}
	b.WriteString("} as const;\n")
}
