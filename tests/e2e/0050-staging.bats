#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Data spaces: what stage_in and stage_out copy, and what they refuse.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

@test "input and output folders; names with blanks, sub-folders, empty and binary files" {
	mkdir -p "$DIR/in/sub dir"
	head -c 100000 /dev/urandom >"$DIR/in/sub dir/binary file"
	: >"$DIR/in/empty"
	printf 'x' >"$DIR/in/ leading"
	file=$(job_file copy <<-'END'
		x-berth: {spaces: {input: {}, output: {}}}
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "mkdir result && cp -r texts/. result/"]
		    x-berth:
		      stage_in: [{space: input, to: texts}]
		      stage_out: [{space: output, include: ["result/**"]}]
	END
	)
	run -0 berth submit "$file" --input "$DIR/in" --output "$DIR/out" --wait
	diff -r "$DIR/in" "$DIR/out/result" # made by submit
	run berth submit "$file" --input "$DIR/in" --output "$DIR/no/such/out"
	fails_with "$DIR/no/such/out"
}

@test "a private space carries files between tasks and goes with its job" {
	file=$(job_file private <<-'END'
		x-berth: {spaces: {work: {}}}
		services:
		  a:
		    image: busybox
		    command: ["sh", "-c", "echo $$BERTH_INDEX >n$$BERTH_INDEX"]
		    x-berth: {replicate: 3, stage_out: [{space: work, include: ["n{index}"], to: "from/a"}]}
		  b:
		    image: busybox
		    command: ["sh", "-c", "cat in/from/a/n0 in/from/a/n1 in/from/a/n2"]
		    depends_on: {a: {condition: service_completed_successfully}}
		    x-berth: {stage_in: [{space: work, to: in}]}
	END
	)
	run -0 berth submit "$file" --json
	id=$(job_id)
	run -0 berth wait "$id"
	run -0 berth logs "$id/b"
	[[ "$output" == *0*1*2* ]]
}

@test "replicate over the files of a space" {
	mkdir -p "$DIR/files/d"
	touch "$DIR/files/d/a.txt" "$DIR/files/d/b b.txt" "$DIR/files/d/c.bin"
	file=$(job_file over <<-'END'
		x-berth: {spaces: {input: {}}}
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "test -f \"$$BERTH_ITEM\" && echo \"got $$BERTH_ITEM\""]
		    x-berth:
		      replicate: {over: "input:d/*.txt"}
		      stage_in: [{space: input, include: ["{item}"]}]
	END
	)
	run -0 berth submit "$file" --input "$DIR/files" --json
	id=$(job_id)
	run -0 berth wait "$id"
	run -0 berth logs "$id"
	[[ "$output" == *"got d/a.txt"* && "$output" == *"got d/b b.txt"* && "$output" != *c.bin* ]]
}

@test "a file that stage_in names and that is not there fails the task with its name" {
	mkdir -p "$DIR/none"
	file=$(job_file missing <<-'END'
		x-berth: {spaces: {input: {}}}
		services:
		  t:
		    image: busybox
		    command: ["true"]
		    x-berth: {stage_in: [{space: input, include: [not-there.txt]}]}
	END
	)
	run berth submit "$file" --input "$DIR/none" --json
	id=$(job_id)
	run berth wait "$id"
	[ "$status" -ne 0 ]
	[[ "$(berth job "$id" --json)" == *not-there.txt* ]]
}

@test "a link that a task makes does not lead stage_out outside" {
	mkdir -p "$DIR/stolen"
	file=$(job_file links <<-'END'
		x-berth: {spaces: {output: {}}}
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "ln -s /etc/shadow leak; ln -s / root; ln -s ../../.. up; echo fine >ok"]
		    x-berth: {on_error: continue, stage_out: [{space: output, include: ["**"]}]}
	END
	)
	run berth submit "$file" --output "$DIR/stolen" --wait
	[ ! -s "$DIR/stolen/leak" ]
	[ ! -e "$DIR/stolen/root/etc" ]
	[ ! -L "$DIR/stolen/leak" ] || [ "$(readlink "$DIR/stolen/leak")" != /etc/shadow ]
}

@test "patterns that leave a space are refused at submit" {
	for pattern in ../x /etc/passwd 'a/../../b'; do
		file=$(job_file outside <<-END
			x-berth: {spaces: {input: {}}}
			services:
			  t:
			    image: busybox
			    command: ["true"]
			    x-berth: {stage_in: [{space: input, include: ["$pattern"]}]}
		END
		)
		run berth submit "$file" --input "$DIR"
		fails_with "$pattern"
	done
}

@test "a space that is not declared, and --input for a job without input, are refused" {
	file=$(job_file undeclared <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["true"]
		    x-berth: {stage_in: [{space: nowhere}]}
	END
	)
	run berth submit "$file"
	fails_with nowhere
	run berth submit "$file" --input "$DIR/not-a-folder"
	fails_with ""
}
