// Command coredns is CoreDNS with only the plugins that the development cluster's Corefile uses.
//
// The full program links every cloud's client library; this one builds in a fraction of the time.
// It has no forward plugin on purpose: names outside the cluster are refused, so no query leaves the machine.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	coremain.Run()
}
