package cim

import (
	"bytes"
	"os"
	"testing"

	"polity/services/power/flow"
)

func FuzzRead(f *testing.F) {
	const head = `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:cim="http://iec.ch/TC57/2013/CIM-schema-cim16#">`
	const node = `<cim:BaseVoltage rdf:ID="_v"><cim:BaseVoltage.nominalVoltage>20</cim:BaseVoltage.nominalVoltage></cim:BaseVoltage>
<cim:TopologicalNode rdf:ID="_n"><cim:TopologicalNode.BaseVoltage rdf:resource="#_v"/></cim:TopologicalNode>
<cim:Terminal rdf:ID="_t"><cim:Terminal.ConductingEquipment rdf:resource="#_e"/><cim:Terminal.TopologicalNode rdf:resource="#_n"/></cim:Terminal>`
	for _, e := range []string{
		`<cim:EnergySource rdf:ID="_e"><cim:EnergySource.voltageMagnitude>20</cim:EnergySource.voltageMagnitude></cim:EnergySource>`,
		`<cim:EnergyConsumer rdf:ID="_e"><cim:EnergyConsumer.p>1</cim:EnergyConsumer.p></cim:EnergyConsumer>`,
		`<cim:LinearShuntCompensator rdf:ID="_e"><cim:LinearShuntCompensator.bPerSection>1</cim:LinearShuntCompensator.bPerSection></cim:LinearShuntCompensator>`,
		`<cim:PowerTransformerEnd rdf:ID="_p"><cim:PowerTransformerEnd.PowerTransformer rdf:resource="#_e"/></cim:PowerTransformerEnd><cim:PowerTransformer rdf:ID="_e"/>`,
	} {
		f.Add([]byte(head + node + e + `</rdf:RDF>`))
	}
	for _, profile := range []string{"EQ", "SSH", "TP"} {
		text, err := os.ReadFile("testdata/small_" + profile + ".xml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		s := &store{byID: map[string]*object{}}
		if s.decode("fuzz.xml", bytes.NewReader(text)) != nil {
			return
		}
		net, err := build(s, "fuzz.xml")
		if err != nil {
			return
		}
		net.Check()
		if solver, err := flow.New(net, flow.Options{}); err == nil {
			_, _ = solver.Solve()
		}
	})
}
