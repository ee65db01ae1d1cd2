#!/usr/bin/env nextflow
// Segments a folder in shards, each a process of Nextflow, and writes the tables of all.
//
//   nextflow run examples/nextflow --images plate1 --labels labels --shards 16 -resume
//
// The shards write into one folder, which all nodes must see under the same path; Nextflow
// stages nothing. What is done stays done, also where a process was killed.

params.images = null
params.labels = 'labels'
params.shards = 8
params.options = ''

process SHARD {
    tag "${number}/${params.shards}"
    errorStrategy 'retry'
    maxRetries 2

    input:
    val number
    val images
    val labels

    output:
    val number

    script:
    """
    rm -f '${labels}/.napari-pmrnet/lock-${number}-of-${params.shards}.json'
    export OMP_NUM_THREADS=${task.cpus}
    napari-pmrnet segment '${images}' --output '${labels}' ${params.options} \\
        --shard ${number}/${params.shards} || test \$? -eq 1
    """
}

process TABLES {
    input:
    val numbers
    val images
    val labels

    output:
    path 'summary.csv'

    script:
    """
    napari-pmrnet segment '${images}' --output '${labels}' ${params.options} || test \$? -eq 1
    cp '${labels}/summary.csv' .
    """
}

workflow {
    if (!params.images) {
        error 'Name the images: --images FOLDER'
    }
    images = file(params.images).toAbsolutePath()
    labels = file(params.labels).toAbsolutePath()
    through = SHARD(Channel.of(1..params.shards), images, labels)
    TABLES(through.collect(), images, labels)
}
