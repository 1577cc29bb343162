// Copyright 2026 The Rollcall Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/rollcall-iam/rollcall/internal/wire"
)

const (
	// pluginName is how this program is called on the PATH.
	pluginName = "kubectl-rollcall"
	namePrefix = "rollcall-"
	secretMode = 0o600
)

// writeKubeconfig lets kubectl use a login.
func (t *tool) writeKubeconfig(at *site, done *loggedIn, options *loginOptions) error {
	name, config, err := kubeconfigFor(at, done.cluster, options)
	if err != nil {
		return err
	}
	if options.out == "" {
		return t.mergeKubeconfig(name, config)
	}
	config.CurrentContext = name
	if err := writeWhole(options.out, config, options.force); err != nil {
		return err
	}
	t.notef("Kubeconfig written to %s: kubectl --kubeconfig %s get pods", options.out, options.out)
	return nil
}

// kubeconfigFor is a kubeconfig that holds no secret: its user is whoever logs in.
func kubeconfigFor(at *site, cluster wire.Cluster, options *loginOptions) (string, *clientcmdapi.Config, error) {
	raw, err := json.Marshal(at.extension)
	if err != nil {
		return "", nil, err
	}
	name := entryName(at)
	arguments := []string{"credential"}
	if options.keyring == keyringOff {
		arguments = append(arguments, "--keyring="+keyringOff)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server: at.server, CertificateAuthorityData: cluster.CA,
		Extensions: map[string]runtime.Object{execExtension: &runtime.Unknown{Raw: raw, ContentType: runtime.ContentTypeJSON}},
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{
		APIVersion: clientauthv1.SchemeGroupVersion.String(), Command: thisCommand(), Args: arguments,
		InstallHint:     "This cluster is logged in to with the kubectl plugin rollcall: put kubectl-rollcall on your PATH.",
		InteractiveMode: clientcmdapi.IfAvailableExecInteractiveMode, ProvideClusterInfo: true,
	}}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	return name, config, nil
}

// entryName is what the cluster, the user and the context are called.
func entryName(at *site) string {
	if at.Profile != "" {
		return namePrefix + at.Profile
	}
	host := strings.TrimPrefix(at.server, "https://")
	return namePrefix + strings.NewReplacer("/", "-", ":", "-").Replace(strings.TrimRight(host, "/"))
}

// thisCommand is how kubectl finds this program: by its name where that is on the PATH, so that the kubeconfig is good elsewhere too.
func thisCommand() string {
	if _, err := exec.LookPath(pluginName); err == nil {
		return pluginName
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return pluginName
}

// mergeKubeconfig adds a login to the kubeconfig that kubectl uses.
func (t *tool) mergeKubeconfig(name string, add *clientcmdapi.Config) error {
	access := t.flags.ToRawKubeConfigLoader().ConfigAccess()
	config, err := access.GetStartingConfig()
	if err != nil {
		return err
	}
	if knows(config, name, add) {
		return nil
	}
	_, before := config.Contexts[name]
	config.Clusters[name], config.AuthInfos[name] = add.Clusters[name], add.AuthInfos[name]
	if context, found := config.Contexts[name]; found {
		context.Cluster, context.AuthInfo = name, name // A namespace that was chosen stays.
	} else {
		config.Contexts[name] = add.Contexts[name]
	}
	if config.CurrentContext == "" {
		config.CurrentContext = name
	}
	if err := clientcmd.ModifyConfig(access, *config, false); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	verb := "added to"
	if before {
		verb = "updated in"
	}
	t.notef("Context, cluster and user %s %s your kubeconfig.", name, verb)
	if config.CurrentContext != name {
		t.notef("To use it: kubectl config use-context %s", name)
	}
	return nil
}

// knows says whether the context in use gets there already, whatever it is called, or the one that would be added is there.
func knows(config *clientcmdapi.Config, name string, add *clientcmdapi.Config) bool {
	for _, candidate := range []string{config.CurrentContext, name} {
		context, found := config.Contexts[candidate]
		if !found {
			continue
		}
		cluster, user := config.Clusters[context.Cluster], config.AuthInfos[context.AuthInfo]
		if cluster == nil || user == nil || user.Exec == nil {
			continue
		}
		if same(cluster, add.Clusters[name]) && sameExec(user.Exec, add.AuthInfos[name].Exec) {
			return true
		}
	}
	return false
}

func same(a, b *clientcmdapi.Cluster) bool {
	one, err := placeOf(a)
	two, fail := placeOf(b)
	return err == nil && fail == nil && reflect.DeepEqual(one, two) && bytes.Equal(a.CertificateAuthorityData, b.CertificateAuthorityData)
}

func sameExec(a, b *clientcmdapi.ExecConfig) bool {
	return a.Command == b.Command && reflect.DeepEqual(a.Args, b.Args) && a.ProvideClusterInfo && a.APIVersion == b.APIVersion
}

// replaceable is nil where there is no file, or one that this command wrote: one user, who is whoever logs in.
func replaceable(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	config, err := clientcmd.LoadFromFile(path)
	if err == nil && len(config.AuthInfos) == 1 && len(config.Clusters) == 1 {
		for name, user := range config.AuthInfos {
			if strings.HasPrefix(name, namePrefix) && user.Exec != nil && strings.HasPrefix(filepath.Base(user.Exec.Command), pluginName) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is there already, and not from here: give another file, or --force", path)
}

// writeWhole writes a kubeconfig that only its owner can read: that is what kubectl expects, though there is no secret in it.
func writeWhole(path string, config *clientcmdapi.Config, force bool) error {
	if !force {
		if err := replaceable(path); err != nil {
			return err
		}
	}
	text, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".kubeconfig-*")
	if err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Chmod(secretMode), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}
