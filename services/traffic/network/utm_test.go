package network

import (
	"math"
	"strings"
	"testing"

	"polity/city"
)

// TestUTM: the meridian arc of WGS 84 from the equator to 45 degrees is 4,984,944.378 m;
// on a zone's middle it counts 0.9996 of that. In Helsinki it is held to a node of
// OpenStreetMap that SUMO's netconvert (PROJ) projected into zone 35, to a centimetre.
func TestUTM(t *testing.T) {
	p := &projection{zone: 31}
	if got := p.place(500_000, 0.9996*4_984_944.378); math.Abs(got.Lat-45) > 1e-8 || math.Abs(got.Lon-3) > 1e-9 {
		t.Errorf("45 degrees north is %v", got)
	}
	helsinki := newProjection(map[string]string{"netOffset": "-385424.12,-6671703.20", "projParameter": "+proj=utm +zone=35 +ellps=WGS84"})
	if d := helsinki.place(368.05, 476.72).Metres(city.Point{Lon: 24.9416225, Lat: 60.1705029}); d > 0.02 {
		t.Errorf("a node in Helsinki is %g m off", d)
	}
	south := &projection{zone: 31, south: true}
	if got := south.place(500_000, 10_000_000-0.9996*4_984_944.378); math.Abs(got.Lat+45) > 1e-8 {
		t.Errorf("45 degrees south is %v", got)
	}
	if got := p.place(600_000, 0); math.Abs(got.Lat) > 1e-12 || got.Lon <= 3.89 || got.Lon >= 3.91 {
		t.Errorf("on the equator 100 km east of the middle: %v", got)
	}
}

const projected = `<net>
<location netOffset="-385000.00,-6671000.00" convBoundary="0,0,1,1" origBoundary="0,0,1,1" projParameter="+proj=utm +zone=35 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"/>
<edge id="w"><lane id="w_0" index="0" speed="14" length="100" shape="100.00,200.00 200.00,200.00"/></edge>
<edge id="e"><lane id="e_0" index="0" speed="14" length="100" shape="210.00,200.00 310.00,200.00"/></edge>
<edge id="n"><lane id="n_0" index="0" speed="14" length="100" shape="205.00,300.00 205.00,210.00"/></edge>
<edge id=":J" function="internal"><lane id=":J_0_0" index="0" speed="14" length="10" shape="200.00,200.00 210.00,200.00"/></edge>
<tlLogic id="J" type="static" programID="0" offset="0">
<phase duration="30" state="Gr"/><phase duration="3" state="yr"/>
<phase duration="30" state="rG"/><phase duration="3" state="ry"/>
</tlLogic>
<junction id="J" type="traffic_light" x="205" y="200" incLanes="w_0 n_0">
<request index="0" response="10" foes="10"/><request index="1" response="00" foes="01"/></junction>
<connection from="w" to="e" fromLane="0" toLane="0" via=":J_0_0" tl="J" linkIndex="0" dir="s"/>
<connection from="n" to="e" fromLane="0" toLane="0" tl="J" linkIndex="1" dir="l"/>
</net>`

// TestSUMOShapes: a projected network has places; one without has none.
func TestSUMOShapes(t *testing.T) {
	n, err := ReadSUMO(strings.NewReader(projected), "projected")
	if err != nil {
		t.Fatal(err)
	}
	lane := n.Lanes[n.Lane("w_0")]
	if len(lane.Shape) != 2 {
		t.Fatalf("the lane has the shape %v", lane.Shape)
	}
	// UTM stretches by less than 1 in 1000, a sphere is within half a per cent.
	if d := lane.Shape[0].Metres(lane.Shape[1]); math.Abs(d-100) > 0.6 {
		t.Errorf("100 m are %g m", d)
	}
	j := n.Junctions[0]
	if j.Place == nil || j.Place.Metres(city.Point{Lon: 24.93, Lat: 60.16}) > 3000 {
		t.Errorf("the junction lies at %v, not in Helsinki", j.Place)
	}
	if link := n.Links[n.Via(":J_0_0")]; len(link.Shape) != 2 {
		t.Errorf("the way through the junction has the shape %v", link.Shape)
	}
	var b strings.Builder
	if err := n.WriteGeoJSON(&b); err != nil || !strings.Contains(b.String(), `"is":"link"`) {
		t.Errorf("as GeoJSON: %v", err)
	}
	n, err = ReadSUMO(strings.NewReader(strings.ReplaceAll(projected, "+proj=utm", "!")), "plane")
	if err != nil {
		t.Fatal(err)
	}
	if n.Junctions[0].Place != nil || n.Lanes[0].Shape != nil {
		t.Error("a plane that lies nowhere has places")
	}
	if err := n.WriteGeoJSON(&b); err == nil || city.KindOf(err) != city.Invalid {
		t.Errorf("GeoJSON of a plane: %v", err)
	}
}
