#!/bin/sh -ex
# deploy.sh VM FOLDER: the steps, in the order that the originals ended up with
scripts/prepare-config.sh "$1" "$2"
scripts/destroy-vm.sh "$1"
scripts/create-vm.sh "$1" "$2"
: created
